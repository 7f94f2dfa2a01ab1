"""Large values beside a snapshot, each a file that is named by the digest of what is in it.

Rules:
- a file is complete or not there: it is written under another name, synced, and renamed;
- what is there is not written again; what a snapshot no longer names is removed after it has its place.

Refuses to know what a value is.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from headwater.neighbours.keeping.safe_files import sync_folder, write_safely


class Bodies:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._named: set[str] = set()

    def begin(self) -> None:
        """A snapshot begins that has named nothing yet."""
        self._named.clear()

    def put(self, body: bytes) -> str:
        """Keep a value; gives the digest that it is found by. Raises OSError."""
        digest = hashlib.blake2b(body, digest_size=32).hexdigest()
        self._named.add(digest)
        path = self._folder / digest
        if not path.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_safely(path, body)
        return digest

    def get(self, digest: str) -> bytes:
        """A value. Raises OSError, and ValueError when it is not what was put."""
        body = (self._folder / digest).read_bytes() if digest.isalnum() else b""
        if hashlib.blake2b(body, digest_size=32).hexdigest() != digest:
            raise ValueError(f"the body {digest} is not what was written")
        return body

    def forget_unnamed(self) -> None:
        """Remove what the snapshot that has just been written does not name."""
        if not self._folder.exists():
            return
        for entry in os.scandir(self._folder):
            if entry.name not in self._named:
                Path(entry.path).unlink(missing_ok=True)
        sync_folder(self._folder)
