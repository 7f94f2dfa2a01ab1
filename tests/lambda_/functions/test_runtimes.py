"""A function runs with the interpreter that its user has, or not at all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from headwater.lambda_.api.errors import InvalidParameterValueException
from headwater.lambda_.functions.runtimes import NODE_CLIENT, PYTHON_CLIENT, Runtimes

OWN = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def program(place: Path, says: str) -> Path:
    """A program that says a line whatever it is asked."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\necho '{says}'\n")
    place.chmod(0o755)
    return place


def runtimes(tmp_path: Path, **named: Path) -> Runtimes:
    return Runtimes(str(tmp_path / "bin"), tmp_path / "home", named)


def test_the_python_on_the_path_comes_first(tmp_path: Path) -> None:
    python = program(tmp_path / "bin" / "python3.9", "3.9 False")
    launch = runtimes(tmp_path).launch("python3.9")
    assert launch.command == (str(python), str(PYTHON_CLIENT))
    assert launch.needs_handler
    assert not launch.takes_handler


def test_the_official_client_is_used_where_it_is_installed(tmp_path: Path) -> None:
    python = program(tmp_path / "bin" / "python3.9", "3.9 True")
    launch = runtimes(tmp_path).launch("python3.9")
    assert (launch.command, launch.takes_handler) == ((str(python), "-m", "awslambdaric"), True)


def test_a_name_that_does_not_run_or_is_another_version_is_passed_over(tmp_path: Path) -> None:
    broken = program(tmp_path / "bin" / "python3.9", "x")
    broken.write_text("#!/bin/sh\nexit 127\n")
    program(tmp_path / "bin" / "python3", "3.8 False")
    kept = program(tmp_path / "home" / ".pyenv" / "versions" / "3.9.18" / "bin" / "python3.9", "3.9 False")
    assert runtimes(tmp_path).launch("python3.9").command[0] == str(kept)


def test_the_python_of_headwater_runs_functions_of_its_version(tmp_path: Path) -> None:
    assert runtimes(tmp_path).launch(OWN).command[0] == sys.executable


def test_an_interpreter_that_was_named_by_hand_is_the_one(tmp_path: Path) -> None:
    named = program(tmp_path / "mine", "3.12 False")
    program(tmp_path / "bin" / "python3.9", "3.9 False")
    assert runtimes(tmp_path, **{"python3.9": named}).launch("python3.9").command[0] == str(named)


def test_node_of_the_version_is_preferred_to_another_one(tmp_path: Path) -> None:
    other = program(tmp_path / "bin" / "node", "v18.1.0")
    launch = runtimes(tmp_path).launch("nodejs22.x")
    assert launch.command == (str(other), str(NODE_CLIENT))
    assert launch.warning == "nodejs22.x functions run with Node v18.1.0, which is what this machine has"
    exact = program(tmp_path / "home" / ".nvm" / "versions" / "node" / "v22.3.0" / "bin" / "node", "v22.3.0")
    launch = runtimes(tmp_path).launch("nodejs22.x")
    assert (launch.command[0], launch.warning) == (str(exact), "")


def test_anything_else_is_its_own_runtime(tmp_path: Path) -> None:
    for name in ("provided", "provided.al2", "provided.al2023"):
        launch = runtimes(tmp_path).launch(name)
        assert (launch.command, launch.needs_handler) == ((), False)


@pytest.mark.parametrize(
    ("runtime", "text"),
    [
        ("python3.99", "is not on this machine: no Python 3.99 was found"),
        ("nodejs20.x", "is not on this machine: no Node was found"),
        ("python3.7", "no longer supported"),
        ("nodejs12.x", "no longer supported"),
        ("java21", "Headwater does not offer the runtime java21"),
        ("ruby3.3", "Headwater does not offer the runtime ruby3.3"),
    ],
)
def test_a_runtime_that_is_not_there_says_so(tmp_path: Path, runtime: str, text: str) -> None:
    with pytest.raises(InvalidParameterValueException) as refused:
        Runtimes(str(tmp_path), tmp_path, {}).launch(runtime)
    assert text in refused.value.message
