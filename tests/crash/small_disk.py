"""A real file system with little room, which only the server under test sees mounted.

The server runs in a mount namespace of its own, so that nothing is left mounted when it
ends. Where the machine does not allow that, tests are skipped and say why.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

SIZE_MIB = 4
INODES = 1024


class SmallDisk:
    """A file system in a folder, as a server's `inside` command."""

    def __init__(self, folder: Path, kind: str) -> None:
        """`kind` is `tmpfs`, or `ext4`, which is made in a file and stays when it is unmounted."""
        self.path = folder / "disk"
        self.path.mkdir()
        self._mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs"]
        if kind == "ext4":
            image = folder / "image"
            image.write_bytes(bytes(SIZE_MIB << 20))
            if shutil.which("mkfs.ext4") is None or os.getuid() != 0:
                pytest.skip("needs mkfs.ext4 and root")
            subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", "-m", "0", image], check=True)
            self._mount = ["mount", "-o", "loop", str(image)]
        self._require()

    def inside(self, *, read_only: bool = False) -> list[str]:
        """What becomes the command that follows it, with the file system mounted."""
        mount = shlex.join(
            [*self._mount[:1], *(["-r"] if read_only else []), *self._mount[1:], str(self.path)]
        )
        return [*self._unshare(), "sh", "-c", f'{mount} && exec "$@"', "sh"]

    def seen_by(self, pid: int) -> Path:
        """The file system as a server sees it, for whoever is outside."""
        return Path(f"/proc/{pid}/root{self.path}")

    def _require(self) -> None:
        if shutil.which("unshare") is None:
            pytest.skip("needs Linux with unshare")
        tried = subprocess.run([*self.inside(), "true"], capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            pytest.skip(f"this machine lets nobody mount: {tried.stderr.strip()}")

    def _unshare(self) -> list[str]:
        return (
            ["unshare", "--mount"]
            if os.getuid() == 0
            else ["unshare", "--user", "--map-root-user", "--mount"]
        )
