"""Servers in the background: started, found, told apart by their ports, and stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headwater.cli.main import main
from tests.cli.conftest import TIMEOUT_S, Ended
from tests.ports import free_port
from tests.waiting import wait_until

Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs a command of a user who has a folder for what runs; in the end nothing runs."""
    variables: dict[str, str | None] = {name: None for name in os.environ if name.startswith("HEADWATER_")}
    variables |= {"XDG_RUNTIME_DIR": str(tmp_path / "run"), "HOME": str(tmp_path)}

    def run(*arguments: str, **more: str) -> Ended:
        ended = CliRunner().invoke(main, arguments, env=variables | more, prog_name="headwater")
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exc_info
        return Ended(ended.exit_code, ended.stdout, ended.stderr)

    yield run
    run("stop", "--all")


def lines(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def test_a_server_goes_on_in_the_background_until_it_is_stopped(run: Run, tmp_path: Path) -> None:
    port = free_port()
    started = run("start", "--detach", "--port", str(port), "--data-dir", str(tmp_path / "data"), "--tls")
    assert started.exit_code == 0, started.err
    (shown,) = lines(started)
    assert shown["port"] == port
    (found,) = lines(run("status"))
    assert found == {**shown, "status": "running"}
    assert found["data"] == str(tmp_path / "data")
    (asked,) = lines(run("status", "--endpoint-url", f"http://127.0.0.1:{port}"))
    assert asked == {"endpoints": [f"http://127.0.0.1:{port}"], "status": "running"}
    again = run("start", "--detach", "--port", str(port))
    assert again.exit_code == 1
    assert f"headwater stop --port {port}" in again.err
    for command in ("status", "stop"):
        assert f"at port 1; there is one at {port}" in run(command, "--port", "1").err

    stopped = run("stop", "--port", str(port))
    assert (stopped.exit_code, lines(stopped)) == (0, [{**shown, "stopped": True}])
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0
    assert (run("status").exit_code, run("stop").exit_code) == (3, 0)
    nobody = run("status", "--endpoint-url", f"http://127.0.0.1:{port}")
    assert (nobody.exit_code, "does not answer" in nobody.out) == (1, True)
    assert run("status", "--endpoint-url", f"127.0.0.1:{port}").exit_code == 2
    assert (tmp_path / "data" / "tls").is_dir()
    assert run("start", "--detach", HEADWATER_PORT=str(port)).exit_code == 0
    assert [each["port"] for each in lines(run("status"))] == [port]


def test_several_servers_are_told_apart_by_their_ports(run: Run) -> None:
    ports = [lines(run("start", "--detach", "--port", "0"))[0]["port"] for _ in range(2)]
    assert sorted(ports) == [each["port"] for each in lines(run("status"))]
    ambiguous = run("stop")
    assert ambiguous.exit_code == 2
    assert "choose by --port, or --all" in ambiguous.err
    assert run("stop", "--port", str(ports[0])).exit_code == 0
    assert [each["port"] for each in lines(run("status"))] == [ports[1]]
    assert run("status", "--port", str(ports[0])).exit_code == 3
    assert run("stop", "--all").exit_code == 0
    assert run("status").exit_code == 3


def test_what_a_killed_server_has_left_is_no_server(run: Run, tmp_path: Path) -> None:
    port = free_port()
    (shown,) = lines(run("start", "--detach", "--port", str(port)))
    (file,) = (tmp_path / "run").rglob("*.json")
    os.kill(shown["pid"], signal.SIGKILL)
    wait_until(lambda: run("status").exit_code == 3, "nobody holds the file")
    assert not file.exists()
    file.write_text(json.dumps({"pid": os.getpid(), "endpoints": [], "version": "", "data": None}))
    assert run("stop").exit_code == 0  # and this process, whose id a stale file may have, goes on
    assert run("start", "--detach", "--port", str(port)).exit_code == 0


def test_a_server_that_does_not_start_says_why(run: Run, tmp_path: Path) -> None:
    (tmp_path / "init").mkdir()
    (tmp_path / "init" / "a.json").write_text("{")
    failed = run("start", "--detach", "--port", "0", "--init-dir", str(tmp_path / "init"))
    assert failed.exit_code == 1
    assert "--init-dir: a.json: it is not JSON" in failed.err
    assert run("status").exit_code == 3
    own = run("start", "--detach", "--pid-file", str(tmp_path / "pid"))
    assert own.exit_code == 2


def test_a_pid_file_is_held_by_one_server_and_gone_with_it(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "pid"
    command = [sys.executable, "-m", "headwater", "start", "--port", "0", "--pid-file", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        endpoint = server.stdout.readline().split(" at ")[1].split()[0]
        told = json.loads(path.read_text())
        assert (told["pid"], told["endpoints"]) == (server.pid, [endpoint])
        asked = run("status", "--pid-file", str(path))
        assert (asked.exit_code, lines(asked)) == (0, [{"endpoints": [endpoint], "status": "running"}])
        second = run("start", "--port", "0", "--pid-file", str(path))
        assert (second.exit_code, second.err) == (1, f"headwater: --pid-file {path}: another server has it\n")
        server.terminate()
        assert server.wait(TIMEOUT_S) == 0
    assert not path.exists()
    gone = run("status", "--pid-file", str(path))
    assert (gone.exit_code, gone.err) == (3, f"No server holds {path}.\n")
    (tmp_path / "file").write_text("")
    nowhere = run("start", "--port", "0", "--pid-file", str(tmp_path / "file" / "pid"))
    assert nowhere.exit_code == 1
    assert "--pid-file" in nowhere.err
