"""Whether code that is run in place has changed: by the names, sizes and times of its files.

Rules:
- a folder is looked at when its function is invoked, in a thread; the pause until it is looked at
  again is `PAUSES` times what that took, so that a large folder does not slow a busy function;
- folders that tools fill (`node_modules` and the like) are not looked into, nor more than
  `FILES_MAX` files.
"""

from __future__ import annotations

import asyncio
import os
from hashlib import sha256
from pathlib import Path
from time import perf_counter

PAUSES = 20
FILES_MAX = 20_000
PASSED_OVER = frozenset({".git", ".mypy_cache", ".venv", "__pycache__", "node_modules", "venv"})


class CodeFolderWatch:
    """The folders of a server's functions that are run in place."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, str]] = {}
        """The last look at a folder, and until when it will do."""

    async def state(self, folder: str) -> str:
        """A text that is another one when a file of `folder` has changed."""
        began_s = perf_counter()
        good_until_s, text = self._seen.get(folder, (began_s, ""))
        if began_s >= good_until_s:
            text = await asyncio.to_thread(folder_state, Path(folder))
            now_s = perf_counter()
            self._seen[folder] = (now_s + PAUSES * (now_s - began_s), text)
        return text

    def last_state(self, folder: str) -> str:
        """The last result of `state`."""
        return self._seen.get(folder, (0.0, ""))[1]


def folder_state(folder: Path) -> str:
    """A text that is another one when a file has changed, come or gone."""
    digest, count = sha256(), 0
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in PASSED_OVER)
        for name in sorted(files):
            count += 1
            if count > FILES_MAX:
                return digest.hexdigest()
            path = Path(place, name)
            try:
                status = path.stat()
            except OSError:
                continue  # gone since its folder was read
            line = f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
