"""Puts together the file system of Headwater's image: run by the Dockerfile, in its first stage.

    python3 assemble_image.py ROOT

Rules:
- of the base it takes Python, the libraries that Python and the installed packages link to, a shell with
  a few tools, certificates and time zones; whatever else a base has stays behind;
- what is left out is in a table with its reason;
- all is compiled before, since nothing can be written later.

Refuses to know what is installed in `VENV`.
"""

from __future__ import annotations

import json
import py_compile
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH
VENV = Path("/opt/headwater")
USER = 10001
"""Any other user does as well: see `FOLDERS`."""
TOOLS = ("sh", "cat", "cp", "env", "id", "ls", "mkdir", "mv", "rm", "sleep")
"""The shell is for functions with a `bootstrap`, and ends their processes; the others for who looks on."""
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
COPIED = ("/etc/ld.so.cache", "/etc/os-release", "/usr/lib/ssl/openssl.cnf", "/usr/share/zoneinfo")
LOADED_LATER = ("usr/lib/*/libgcc_s.so.1", "usr/lib64/libgcc_s.so.1")
"""What the C library loads when a thread is to end; nothing links to it."""
MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders that most systems have below /usr, and a link in their place."""
FOLDERS = {"data": 0o1777, "tmp": 0o1777, "proc": 0o555, "sys": 0o555, "dev": 0o755, "run": 0o755}
"""Who runs the image writes into the first two, whatever user that is."""
FILES = {
    "etc/passwd": f"root:x:0:0:root:/data:/bin/sh\nheadwater:x:{USER}:0:Headwater:/data:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}

LEFT_OUT = (
    # Of Python: its tests, its tools for developers, windows.
    "/test",
    "/idlelib",
    "/lib2to3",
    "/ensurepip",
    "/tkinter",
    "/turtledemo",
    "/turtle.py",
    "/pydoc_data",
    "/config-*",
    "/distutils",
    "/lib-dynload/_test*",
    "/lib-dynload/_tkinter*",
    "/lib-dynload/_ctypes_test*",
    "/lib-dynload/xxlimited*",
    # Terminals, databases and directories of old, each with large libraries.
    "/lib-dynload/_curses*",
    "/lib-dynload/_dbm*",
    "/lib-dynload/_gdbm*",
    "/lib-dynload/nis*",
    "/lib-dynload/readline*",
    # Packages of the base.
    "/site-packages",
    "/dist-packages",
    # Sources of what is there as machine code.
    "**/*.pyx",
    "**/*.pxd",
    "**/*.a",
)
"""Below the standard library, as patterns of `Path.match` and `glob`."""
LEFT_OUT_OF_PACKAGES = (
    # Sources of what is there as machine code.
    "**/*.pyx",
    "**/*.pxd",
    "**/*.c",
    "**/*.h",
    # Languages that source code can be coloured in, which nothing here does.
    "pygments/lexers",
    # The linter of cfn-lint, whose schemas alone are used: its rules, and the mathematics that these need.
    "cfnlint/rules",
    "cfnlint/data/AdditionalSpecs",
    "cfnlint/data/schemas/extensions",
    "cfnlint/data/schemas/providers/[!u]*.json",
    "sympy",
    "mpmath",
    "networkx",
    # Types, for those who check a program.
    "**/*.pyi",
    # Examples of requests.
    "botocore/data/*/*/examples-1.json",
    # Tests that came along.
    "**/tests",
)
"""Below the packages of the environment."""
ALSO_ASKED = frozenset({"kinesis", "firehose", "lambda", "logs", "sts"})
"""Services whose models Headwater reads, whatever moto has."""
WITH_SOURCES = "headwater"
"""The package whose source is there, to read errors by; of all others there is the bytecode."""


def main() -> None:
    """Fill a new folder."""
    root = Path(sys.argv[1])
    root.mkdir()
    for name in MERGED:
        if Path("/", name).is_symlink():
            (root / "usr" / name).mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(f"usr/{name}")
    copy_python(root)
    copy_packages(root)
    for tool in TOOLS:
        copy_program(root, tool)
    loaded_later = {found for pattern in LOADED_LATER for found in Path("/").glob(pattern)}
    for library in sorted(libraries(linked_files(root)) | loaded_later):
        copy(root, library)
    for place in COPIED:
        if Path(place).exists():
            copy(root, Path(place))
    copy(root, CERTIFICATES)
    for place, text in FILES.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text)
    for place, mode in FOLDERS.items():
        (root / place).mkdir(exist_ok=True)
        (root / place).chmod(mode)
    for file in linked_files(root):
        cut_debug_sections(file)
    compile_all(root)


def copy_python(root: Path) -> None:
    """The interpreter that runs this, and its standard library."""
    interpreter = Path(sys.executable).resolve()
    copy(root, interpreter)
    library = Path(sysconfig.get_path("stdlib"))
    copy(root, library, LEFT_OUT)


def copy_packages(root: Path) -> None:
    """The environment, as it is but for what is left out."""
    (packages,) = VENV.glob("lib/python*/site-packages")
    copy(root, VENV)
    kept = root / packages.relative_to("/")
    for pattern in LEFT_OUT_OF_PACKAGES:
        for place in list(kept.glob(pattern)):
            remove(place)
    for model in unneeded_models(kept):
        remove(model)
    for schema in kept.glob("cfnlint/data/schemas/resources/*.json"):
        schema.write_text(json.dumps(undescribed(json.loads(schema.read_text())), separators=(",", ":")))
    python = root / VENV.relative_to("/") / "bin" / "python3"
    python.unlink()
    python.symlink_to(Path(sys.executable).resolve())


def unneeded_models(packages: Path) -> list[Path]:
    """The models of botocore for services that moto does not have."""
    sources = [source.read_text() for source in packages.glob("moto/**/*.py")]
    if not sources:
        return []
    named = set(re.findall(r"""service_name="([^"]+)"|BackendDict\(\s*\w+,\s*"([^"]+)""", "".join(sources)))
    needed = {name for names in named for name in names} | ALSO_ASKED
    models = (packages / "botocore" / "data").iterdir()
    return [model for model in models if model.is_dir() and model.name not in needed]


def undescribed(schema: Any) -> Any:
    """A schema without the texts for people in it."""
    if isinstance(schema, dict):
        kept = schema.items()
        return {
            name: undescribed(each)
            for name, each in kept
            if name != "description" or not isinstance(each, str)
        }
    return [undescribed(each) for each in schema] if isinstance(schema, list) else schema


def copy_program(root: Path, name: str) -> None:
    """A program under its name, whatever it is a link to."""
    found = shutil.which(name)
    if found is None:
        sys.exit(f"the base is without {name}")
    target = root / "usr" / "bin" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(Path(found).resolve(), target)


def copy(root: Path, place: Path, left_out: Iterable[str] = ()) -> None:
    """A file or folder to the same place below `root`; a link becomes what it leads to."""
    target = root / place.parent.resolve().relative_to("/") / place.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_dir():
        shutil.copy2(place, target)
        return
    shutil.copytree(
        place,
        target,
        symlinks=place == VENV,  # where a link leads to the folder beside it
        ignore=shutil.ignore_patterns("__pycache__"),
        ignore_dangling_symlinks=True,
        dirs_exist_ok=True,
    )
    for pattern in left_out:
        for unwanted in list(target.glob(pattern.removeprefix("/"))):
            remove(unwanted)


def remove(place: Path) -> None:
    """A file or a folder, which may be gone by now."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def linked_files(root: Path) -> Iterator[Path]:
    """What may link to libraries: programs and shared objects."""
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def libraries(files: Iterable[Path]) -> set[Path]:
    """Everything of the system that files link to, the loader among it."""
    found: set[Path] = set()
    for file in files:
        shown = subprocess.run(["ldd", file], capture_output=True, text=True, check=False).stdout
        found.update(map(Path, re.findall(r"(?:=> |^\s+)(/\S+)", shown, re.MULTILINE)))
    return {library for library in found if not library.is_relative_to(VENV)}


def cut_debug_sections(file: Path) -> None:
    """Let a program or library of 64 bits end where the last part of it ends that is loaded.

    What is behind it, and the table of sections, is for debuggers and linkers.
    """
    data = file.read_bytes()
    if data[4:6] != b"\x02\x01":
        return
    start, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", data, start + size * number) for number in range(count)]
    end = max([offset + length for _, _, offset, _, _, length, _, _ in headers] + [start + size * count])
    without_sections = data[:40] + bytes(8) + data[48:58] + bytes(6) + data[64:end]
    file.write_bytes(without_sections)


def compile_all(root: Path) -> None:
    """Everything to bytecode, which is not looked at again: nobody changes an image's files."""
    (packages,) = (root / VENV.relative_to("/")).glob("lib/python*/site-packages")
    (own,) = packages.glob(WITH_SOURCES)
    for source in list(root.rglob("*.py")):
        is_own = source.is_relative_to(own)
        beside = None if is_own else str(source.with_suffix(".pyc"))
        compiled = py_compile.compile(
            str(source),
            beside,
            str(Path("/", source.relative_to(root))),
            invalidation_mode=UNCHECKED,
            quiet=1,
        )
        if compiled and not is_own:
            source.unlink()


if __name__ == "__main__":
    main()
