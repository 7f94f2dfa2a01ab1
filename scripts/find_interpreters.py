"""Print every CPython from 3.11 that this machine has, one for each minor version, the oldest first."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

OLDEST = (3, 11)
NEWEST_LOOKED_FOR = 20
PROBE = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.version_info[3])"


def main() -> None:
    """Look on PATH, and where pyenv keeps its versions."""
    found: dict[int, Path] = {}
    for folder in _folders():
        for minor in range(OLDEST[1], NEWEST_LOOKED_FOR):
            candidate = folder / f"python3.{minor}"
            if minor not in found and _is_release(candidate, minor):
                found[minor] = candidate
    print("\n".join(str(found[minor]) for minor in sorted(found)))


def _folders() -> list[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    return [*on_path, *sorted(pyenv.glob("versions/*/bin"), reverse=True)]


def _is_release(candidate: Path, minor: int) -> bool:
    """Whether it runs: a shim of a version manager may exist and lead nowhere."""
    if not candidate.is_file():
        return False
    probed = subprocess.run([candidate, "-c", PROBE], capture_output=True, text=True, check=False)
    return probed.stdout.split() == ["cpython", "3", str(minor), "final"]


if __name__ == "__main__":
    main()
