"""The runtimes: how each is found on this machine, and how a process of it is started.

The table `_FAMILIES` tells a runtime's family by its id. Headwater brings no runtime: a function
runs with the interpreter that its user has.

Rules:
- Python: exactly the minor version, for what is installed beside it belongs to that version.
  It is looked for on the path, then it may be the interpreter that runs Headwater, then where
  version managers keep theirs;
- Node: the one of the same major version, or else the one on the path, which is told;
- `provided…` runs the file `bootstrap` of the code;
- one may be named by hand for a runtime (`--lambda-interpreter`);
- a name on the path counts only when it runs: version managers leave names that do not.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from headwater.lambda_.api.errors import InvalidParameterValueException

PROBE_TIMEOUT_S = 20.0
PYTHON_MINOR_MIN = 8
NODE_MIN = 14
"""The oldest ones that the clients here run with."""
PYTHON_PROBE = """
import importlib.util, sys
print("%d.%d" % sys.version_info[:2], bool(importlib.util.find_spec("awslambdaric")))
"""
CLIENTS = Path(__file__).parent
PYTHON_CLIENT = CLIENTS / "python_client.py"
NODE_CLIENT = CLIENTS / "node_client.mjs"


class Launch(NamedTuple):
    """How a process of a runtime is started."""

    command: tuple[str, ...]
    """Without an element, the file `bootstrap` of the code is the command."""
    needs_handler: bool = True
    takes_handler: bool = False
    """The command ends in the name of the handler."""
    warning: str = ""
    """The difference from AWS, for a warning."""


class Runtimes:
    """The runtimes of this machine. What was found is remembered."""

    def __init__(self, search_path: str, home: Path, interpreters: Mapping[str, Path]) -> None:
        """`interpreters` are named by hand, by runtime; `search_path` is that of commands."""
        self._search_path = search_path
        self._home = home
        self._interpreters = interpreters
        self._launches: dict[str, Launch] = {}

    def launch(self, runtime: str) -> Launch:
        """How to start `runtime`. Takes a moment at first: call it in a thread.

        Raises InvalidParameterValueException for one that is not offered, or not on this machine.
        """
        known = self._launches.get(runtime)
        if known is None:
            known = self._launches[runtime] = self._find(runtime)
        return known

    def _find(self, runtime: str) -> Launch:
        if sys.platform == "win32":
            raise InvalidParameterValueException("Headwater runs functions on Linux and macOS only.")
        for pattern, find in _FAMILIES:
            found = re.fullmatch(pattern, runtime)
            if found is not None:
                return find(self, runtime, found[1])
        raise InvalidParameterValueException(
            f"Headwater does not offer the runtime {runtime}: it has python3.x, nodejs and provided."
        )

    def candidates(self, runtime: str, names: tuple[str, ...], patterns: tuple[str, ...]) -> Iterator[Path]:
        """Interpreters to try, the best one first."""
        named = self._interpreters.get(runtime)
        if named is not None:
            yield named
            return
        for name in names:
            on_path = shutil.which(name, path=self._search_path)
            if on_path is not None:
                yield Path(on_path)
        if names[0].startswith("python"):
            yield Path(sys.executable)
        for pattern in patterns:
            yield from sorted(self._home.glob(pattern), reverse=True)

    def is_named(self, runtime: str) -> bool:
        """Whether the user has chosen the interpreter by hand."""
        return runtime in self._interpreters


def _python(runtimes: Runtimes, runtime: str, version: str) -> Launch:
    _check_age(runtime, int(version.partition(".")[2]), PYTHON_MINOR_MIN)
    patterns = (
        f".pyenv/versions/{version}.*/bin/python{version}",
        f".local/share/uv/python/cpython-{version}.*/bin/python{version}",
    )
    names = (f"python{version}", "python3")
    for candidate in runtimes.candidates(runtime, names, patterns):
        output = _ask(candidate, "-c", PYTHON_PROBE).split()
        if len(output) != 2 or (output[0] != version and not runtimes.is_named(runtime)):
            continue
        if output[1] == "True":
            return Launch((str(candidate), "-m", "awslambdaric"), takes_handler=True)
        return Launch((str(candidate), str(PYTHON_CLIENT)))
    raise _missing(runtime, f"no Python {version} was found")


def _node(runtimes: Runtimes, runtime: str, version: str) -> Launch:
    _check_age(runtime, int(version), NODE_MIN)
    patterns = (f".nvm/versions/node/v{version}.*/bin/node", f".nodenv/versions/{version}.*/bin/node")
    other: tuple[Path, str] | None = None
    for candidate in runtimes.candidates(runtime, ("node", "nodejs"), patterns):
        output = _ask(candidate, "--version")
        found = re.match(r"v([0-9]+)\.", output)
        if found is None:
            continue
        if found[1] == version or runtimes.is_named(runtime):
            return Launch((str(candidate), str(NODE_CLIENT)))
        other = other or (candidate, output)
    if other is None:
        raise _missing(runtime, "no Node was found")
    warning = f"{runtime} functions run with Node {other[1]}, which is what this machine has"
    return Launch((str(other[0]), str(NODE_CLIENT)), warning=warning)


def _provided(_runtimes: Runtimes, _runtime: str, _version: str) -> Launch:
    return Launch((), needs_handler=False)


_FAMILIES: tuple[tuple[str, Callable[[Runtimes, str, str], Launch]], ...] = (
    (r"python(3\.[0-9]+)", _python),
    (r"nodejs([0-9]+)\.x", _node),
    (r"provided(\.al2|\.al2023)?", _provided),
)


def _check_age(runtime: str, version: int, oldest: int) -> None:
    if version < oldest:
        raise InvalidParameterValueException(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions."
        )


def _missing(runtime: str, why: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(
        f"The runtime {runtime} is not on this machine: {why}. "
        f"Install it, or name an interpreter with --lambda-interpreter {runtime}=PATH."
    )


def _ask(command: Path, *arguments: str) -> str:
    """The output of a command; empty when it does not run."""
    try:
        done = subprocess.run(  # noqa: S603 - an interpreter that was looked for by its name
            (command, *arguments), capture_output=True, timeout=PROBE_TIMEOUT_S, check=True, text=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout.strip()
