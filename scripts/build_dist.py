"""Builds dist/ twice and compares, then looks whether all that belongs into it is there: `make dist`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
IN_THE_WHEEL = (
    "headwater/py.typed",
    "headwater/console/index.html",
    ".dist-info/licenses/LICENSE",
    ".data/data/share/man/man1/headwater.1",
)
IN_THE_SOURCES = (
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "pyproject.toml",
    "console/package-lock.json",
    "docs/index.md",
)


def main() -> None:
    """Build, compare, look; a fault ends it with its name."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        built = [build(Path(folder)) for folder in (first, second)]
        if built[0] != built[1]:
            sys.exit(f"two builds differ: {built[0]} and {built[1]}")
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(first, DIST)
    wheel, sources = next(DIST.glob("*.whl")), next(DIST.glob("*.tar.gz"))
    with zipfile.ZipFile(wheel) as archive:
        look(wheel.name, IN_THE_WHEEL, archive.namelist())
    with tarfile.open(sources) as archive:
        look(sources.name, IN_THE_SOURCES, archive.getnames())
    for name, digest in built[0].items():
        print(f"{digest}  dist/{name}")


def build(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that is built into a folder."""
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def look(name: str, wanted: tuple[str, ...], there: list[str]) -> None:
    """End with the name of the first file that is missing."""
    for ending in wanted:
        if not any(path.endswith(ending) for path in there):
            sys.exit(f"{name} is without {ending}")


if __name__ == "__main__":
    main()
