"""`headwater lambda deploy`, `invoke`, `list`, `logs` and `delete`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Ended
from tests.waiting import wait_until

Run = Callable[..., Ended]


@pytest.fixture
def name() -> str:
    return f"function-{uuid.uuid4().hex[:8]}"


def write(folder: Path, text: str, file: str = "app.py") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(text)
    return folder


def test_code_runs_where_it_lies_and_anew_when_it_changes(headwater: Run, tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "code", "def handler(event, context): return [1, event]")
    deployed = headwater(
        "lambda", "deploy", name, "--handler", "app.handler", "--path", str(folder), "--json"
    )
    assert deployed.exit_code == 0, deployed.err
    made = json.loads(deployed.out)
    assert made["Runtime"] == f"python{sys.version_info[0]}.{sys.version_info[1]}"
    invoked = headwater("lambda", "invoke", name, '{"a": 2}')
    assert json.loads(invoked.out) == [1, {"a": 2}]
    assert "REPORT RequestId: " in invoked.err
    write(folder, "import os\ndef handler(event, context): return [2, os.getcwd(), os.environ['COLOUR']]")
    again = headwater(
        "lambda", "deploy", name, "--handler", "app.handler", "--path", str(folder),
        "--env", "COLOUR=blue", "--timeout-s", "9",
    )  # fmt: skip
    assert again.exit_code == 0, again.err
    assert json.loads(headwater("lambda", "invoke", name, "-", stdin=b"[]").out) == [2, str(folder), "blue"]
    write(folder, "def handler(event, context): return 'changed while it runs'")
    # A folder is looked at again after a pause, which is the longer the longer it took.
    wait_until(lambda: json.loads(headwater("lambda", "invoke", name).out) == "changed while it runs")


def test_a_runtime_is_told_by_the_files(headwater: Run, tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "boot", "#!/bin/sh\nexit 7\n", "bootstrap")
    (folder / "bootstrap").chmod(0o755)
    deployed = headwater("lambda", "deploy", name, "--path", str(folder), "--json")
    assert json.loads(deployed.out)["Runtime"] == "provided.al2023"
    failed = headwater("lambda", "invoke", name)
    assert failed.exit_code == 1
    assert json.loads(failed.out)["errorType"] == "Runtime.ExitError"
    assert "headwater: the function failed (Unhandled)" in failed.err
    if shutil.which("node"):
        folder = write(tmp_path / "node", "exports.handler = async () => 'node'", "app.js")
        headwater("lambda", "deploy", f"{name}-node", "--handler", "app.handler", "--path", str(folder))
        assert json.loads(headwater("lambda", "invoke", f"{name}-node").out) == "node"


def test_a_folder_without_a_runtime_says_so(headwater: Run, tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "code", "", "notes.txt")
    deployed = headwater("lambda", "deploy", name, "--handler", "app.handler", "--path", str(folder))
    assert deployed.exit_code == 1
    assert "headwater: A new function needs a runtime." in deployed.err


def test_functions_are_listed_and_deleted(headwater: Run, tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "code", "def handler(event, context): return 1")
    headwater("lambda", "deploy", name, "--handler", "app.handler", "--path", str(folder))
    listed = [json.loads(line) for line in headwater("lambda", "list").out.splitlines()]
    assert name in [function["FunctionName"] for function in listed]
    assert headwater("lambda", "delete", name).exit_code == 0
    assert headwater("lambda", "delete", name).err.startswith("headwater: ResourceNotFoundException")
    assert (folder / "app.py").exists()


def test_logs_are_shown_and_followed(
    headwater: Run, variables: dict[str, str], tmp_path: Path, name: str
) -> None:
    folder = write(tmp_path / "code", "def handler(event, context): print('said', event)")
    headwater("lambda", "deploy", name, "--handler", "app.handler", "--path", str(folder))
    headwater("lambda", "invoke", name, "1")
    shown = headwater("lambda", "logs", name)
    assert [line.split()[1] for line in shown.out.splitlines()] == ["START", "said", "END", "REPORT"]
    command = [*COMMAND, "lambda", "logs", name, "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=variables, text=True) as following:
        assert following.stdout is not None
        lines = [json.loads(following.stdout.readline())["text"] for _ in range(4)]
        assert lines[1] == "said 1"
        headwater("lambda", "invoke", name, "2")
        lines = [json.loads(following.stdout.readline())["text"] for _ in range(4)]
        assert lines[1] == "said 2"
        following.terminate()
    assert headwater("lambda", "logs", "nothing-of-this-name").exit_code == 1
