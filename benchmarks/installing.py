"""How a peer comes into its folder, and how its version is read there: a row for each package manager."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLD_PYTHON = "3.9"
"""The last one that has `collections.Mapping`, which packages of its time use."""


class NotInstalled(Exception):
    """A server cannot take part; the message says why."""


@dataclass(frozen=True)
class PackageManager:
    """One row. Both functions are given the peer's folder and the package's name."""

    install: Callable[[Path, str], object]
    version: Callable[[Path, str], str]


def install(manager: str, folder: Path, package: str) -> str:
    """The version that is installed, now or since an earlier run. Raises NotInstalled."""
    row = PACKAGE_MANAGERS[manager]
    done = folder / "installed"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        row.install(folder, package)
        done.touch()
    return row.version(folder, package)


def install_sources(environment: Path, sources: Path) -> Path:
    """Headwater from its sources, as its users have it, in a new environment; its command.

    Raises NotInstalled.
    """
    shutil.rmtree(environment, ignore_errors=True)
    _pip_install(environment, f"{sources}[tls]")
    return environment / "bin" / "headwater"


def output_of(command: Sequence[str]) -> str:
    """What a program prints. Raises NotInstalled when it is absent or fails."""
    if shutil.which(command[0]) is None:
        raise NotInstalled(f"there is no {command[0]} on PATH")
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if run.returncode:
        raise NotInstalled(f"{Path(command[0]).name} failed: {run.stdout.strip()[-300:]}")
    return run.stdout.strip()


def version_in(text: str) -> str:
    """The first version number in what a program says of itself."""
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else text


def _npm_install(folder: Path, package: str) -> None:
    output_of(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), package])


def _npm_version(folder: Path, package: str) -> str:
    description = json.loads((folder / "node_modules" / package / "package.json").read_text())
    return f"{description['version']} on Node.js {output_of(['node', '--version']).lstrip('v')}"


def _pip_install(folder: Path, package: str) -> None:
    # Some systems have pip, but no ensurepip: so the bench's own pip installs into the environment.
    output_of([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    output_of([*pip, "--python", str(_python(folder)), "install", package])


def _pip_install_with_loop(folder: Path, package: str) -> None:
    """With the event loop that is fastest."""
    _pip_install(folder, package)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    output_of([*pip, "--python", str(_python(folder)), "install", "uvloop"])


def _old_pip_install(folder: Path, package: str) -> None:
    """Into an environment of the newest Python on which old packages run, with that Python's own pip."""
    output_of([_interpreter(OLD_PYTHON), "-m", "venv", str(folder)])
    output_of(
        [str(_python(folder)), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", package]
    )


def _cargo_install(folder: Path, package: str) -> None:
    output_of(["cargo", "install", "--quiet", "--root", str(folder), package])


def _cargo_version(folder: Path, _package: str) -> str:
    return f"{version_in(output_of(['cargo', 'install', '--list', '--root', str(folder)]))} by cargo"


def _maven_install(folder: Path, package: str) -> None:
    """A program of this folder, and all that it needs; `java` takes both from the file `arguments`."""
    shutil.copytree(HERE / package, folder, dirs_exist_ok=True)
    output_of(["mvn", "--quiet", "--batch-mode", "--file", str(folder), "package"])
    target = folder / "target"
    class_path = f"{target / 'classes'}{os.pathsep}{(target / 'classpath').read_text().strip()}"
    (folder / "arguments").write_text(f'-cp "{class_path}"\n')


def _maven_version(folder: Path, package: str) -> str:
    jars = re.findall(rf"{package}-rest-sqs_[\d.]+-([\d.]+)\.jar", (folder / "arguments").read_text())
    return f"{jars[0]} on Java {version_in(output_of(['java', '--version']))}"


def _commit_install(folder: Path, commit: str) -> None:
    """An older Headwater, from this repository's history, with what it needs."""
    source = folder / "source"
    source.mkdir()
    archive = folder / "source.tar"
    output_of(["git", "-C", str(HERE.parent), "archive", "--output", str(archive), f"{commit}:"])
    output_of(["tar", "--extract", "--file", str(archive), "--directory", str(source)])
    archive.unlink()
    install_sources(folder / "environment", source)


def _commit_version(_folder: Path, commit: str) -> str:
    return output_of(["git", "-C", str(HERE), "log", "-1", "--format=%h of %cs", commit])


def _interpreter(version: str) -> str:
    """A Python that runs: a shim of a version manager may exist and lead nowhere."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [*map(Path, os.get_exec_path()), *pyenv.glob(f"versions/{version}*/bin")]
    for candidate in (folder / f"python{version}" for folder in folders):
        if candidate.is_file():
            run = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
            if run.stdout.startswith(f"Python {version}"):
                return str(candidate)
    raise NotInstalled(f"there is no Python {version}")


def _pip_version(folder: Path, package: str) -> str:
    code = (
        "import sys, platform, importlib.metadata as packages\n"
        "print(packages.version(sys.argv[1]), 'on Python', platform.python_version())"
    )
    return output_of([str(_python(folder)), "-c", code, package.partition("[")[0]])


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


PACKAGE_MANAGERS = {
    "cargo": PackageManager(_cargo_install, _cargo_version),
    "commit": PackageManager(_commit_install, _commit_version),
    "maven": PackageManager(_maven_install, _maven_version),
    "npm": PackageManager(_npm_install, _npm_version),
    "pip": PackageManager(_pip_install, _pip_version),
    "pip with uvloop": PackageManager(_pip_install_with_loop, _pip_version),
    "old pip": PackageManager(_old_pip_install, _pip_version),
}
