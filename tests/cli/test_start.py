from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headwater import __version__
from headwater.cli.main import COMMANDS, main
from headwater.config import SETTINGS
from tests.waiting import RETRY_FOR_S, wait_until

Start = Callable[..., "Process"]


class Process:
    """A `headwater start` in a process of its own."""

    def __init__(self, arguments: tuple[str, ...], variables: dict[str, str], log: Path) -> None:
        self._log = log
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")}
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "headwater", "start", *arguments],
                env=environment | variables,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline()

    @property
    def endpoints(self) -> list[tuple[str, int]]:
        return [(host, int(port)) for host, port in re.findall(r"http://(\S+):(\d+)", self.ready_line)]

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, nth: int = 0
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(*self.endpoints[nth], timeout=RETRY_FOR_S)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else None

    def call(self, operation: str, request: dict[str, Any]) -> tuple[int, Any]:
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"Kinesis_20131202.{operation}",
            "X-Amz-Date": "20261120T000000Z",
            "Authorization": "AWS4-HMAC-SHA256 Credential=/20261120/eu-west-1/kinesis/aws4_request, "
            "SignedHeaders=host, Signature=00",
        }
        return self.ask("POST", "/", json.dumps(request).encode(), headers)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers; what still runs at the end is killed."""
    started: list[Process] = []

    def start_one(*arguments: str, **variables: str) -> Process:
        started.append(Process(arguments, variables, tmp_path / f"log-{len(started)}"))
        return started[-1]

    yield start_one
    for process in started:
        process.close()


def test_the_ready_line_names_an_endpoint_that_answers(start: Start) -> None:
    server = start("--port", "0")
    assert re.fullmatch(
        rf"Headwater {re.escape(__version__)} is ready at http://127\.0\.0\.1:\d+ "
        r"\(data in a temporary .*\)\n",
        server.ready_line,
    )
    assert server.process.stdout is not None
    assert server.process.stdout.readline() == (
        f"  export AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:{server.endpoints[0][1]}\n"
    )
    status, health = server.ask("GET", "/_headwater/health")
    assert status == 200
    assert health == {"status": "running", "version": __version__, "streams": 0}


@pytest.mark.long  # all modules are compiled
def test_a_server_keeps_the_code_of_what_it_needs(start: Start, tmp_path: Path) -> None:
    sizes = []
    for _ in range(2):
        server = start("--port", "0", PYTHONPYCACHEPREFIX=str(tmp_path), PYTHONDONTWRITEBYTECODE="")
        assert server.ask("GET", "/_headwater/health")[0] == 200
        assert server.stop() == 0
        (file,) = tmp_path.rglob("start_code.*.pyc")
        sizes.append(file.stat().st_size)
    assert sizes[0] == sizes[1] > 1_000_000


def test_one_server_answers_on_many_ports(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [str(free.getsockname()[1]) for free in (one, other)]
    server = start("--port", ports[0], "--port", ports[1])
    assert len(server.endpoints) == 2
    for nth in range(2):
        assert server.ask("GET", "/_headwater/health", nth=nth)[0] == 200


def test_options_reach_the_api_and_each_call_is_logged(start: Start) -> None:
    server = start("--port", "0", "--transition-ms", "0", HEADWATER_ACCOUNT_ID="123456789012")
    assert server.call("CreateStream", {"StreamName": "s", "ShardCount": 1}) == (200, None)
    status, answer = server.call("DescribeStreamSummary", {"StreamName": "s"})
    assert status == 200
    assert (
        answer["StreamDescriptionSummary"]["StreamARN"] == "arn:aws:kinesis:eu-west-1:123456789012:stream/s"
    )
    assert server.call("DescribeStreamSummary", {"StreamName": "t"})[0] == 400
    assert server.stop() == 0
    lines = server.log.splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    "
        r"AWS kinesis\.CreateStream => 200 \d+\.\d ms [0-9a-f-]{36}",
        lines[0],
    )
    assert "AWS kinesis.DescribeStreamSummary => 400 (ResourceNotFoundException: Stream t under" in lines[2]


def test_a_log_of_objects(start: Start) -> None:
    server = start("--port", "0", "--log-format", "json")
    server.call("ListStreams", {})
    server.stop()
    assert json.loads(server.log.splitlines()[0])["call"] == "AWS kinesis.ListStreams"


def test_a_quiet_log_says_nothing_of_success(start: Start) -> None:
    server = start("--port", "0", HEADWATER_LOG_LEVEL="warning")
    server.call("ListStreams", {})
    server.call("DescribeStream", {"StreamName": "t"})
    server.stop()
    assert "ListStreams" not in server.log
    assert "DescribeStream => 400" in server.log


def test_reset_wipes_everything(start: Start) -> None:
    server = start("--port", "0")
    server.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    assert server.ask("POST", "/_headwater/reset")[0] == 200
    assert server.call("ListStreams", {})[1]["StreamNames"] == []
    assert server.ask("GET", "/_headwater/health")[1]["streams"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_and_data_stay(start: Start, tmp_path: Path, number: int) -> None:
    data_dir = tmp_path / "data"
    server = start("--port", "0", "--data-dir", str(data_dir))
    assert f"(data in {data_dir})" in server.ready_line
    server.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    assert server.stop(number) == 0
    again = start("--port", "0", "--data-dir", str(data_dir))
    assert again.call("ListStreams", {})[1]["StreamNames"] == ["s"]


def is_refused(endpoint: tuple[str, int]) -> bool:
    try:
        socket.create_connection(endpoint).close()
    except ConnectionRefusedError:
        return True
    return False


def test_the_second_signal_does_not_wait(start: Start) -> None:
    server = start("--port", "0", "--shutdown-grace-s", "60")
    with socket.create_connection(server.endpoints[0]) as half_sent:
        half_sent.sendall(b"POST / HTTP/1.1\r\n")
        server.ask("GET", "/_headwater/health")
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: is_refused(server.endpoints[0]), "the end of listening")
        assert server.process.poll() is None
        assert server.stop() == 0


def test_a_port_in_use_ends_the_start(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = start("--port", str(port))
        assert server.process.wait(60) == 1
    assert server.ready_line == ""
    assert server.log == f"headwater: cannot listen on 127.0.0.1:{port}: address already in use\n"


def test_a_data_directory_in_use_ends_the_start(start: Start, tmp_path: Path) -> None:
    start("--port", "0", "--data-dir", str(tmp_path / "data"))
    second = start("--port", "0", "--data-dir", str(tmp_path / "data"))
    assert second.process.wait(60) == 1
    assert second.log.startswith("headwater: ")
    assert second.log.count("\n") == 1
    assert str(tmp_path / "data") in second.log


def test_a_data_directory_of_something_else_ends_the_start(start: Start, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("")
    server = start("--port", "0", "--data-dir", str(tmp_path))
    assert server.process.wait(60) == 1
    assert server.log.count("\n") == 1


def test_a_wrong_option_is_named() -> None:
    result = CliRunner().invoke(main, ["start", "--account-id", "1"])
    assert result.exit_code == 2
    assert "--account-id: '1' is not twelve digits" in result.output


def test_the_help_shows_every_option_with_its_variable() -> None:
    text = re.sub(r"\s+", " ", CliRunner().invoke(main, ["start", "--help"]).output)
    for setting in SETTINGS:
        assert f"{setting.option} {setting.kind}" in text
        assert f"{setting.variable}]" in text


def test_the_version_is_shown() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"headwater {__version__}\n"


def test_the_help_lists_every_command_without_loading_it() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from headwater.cli.main import main\n"
        "print(CliRunner().invoke(main, ['--help']).output)\n"
        "print([m for m in sys.modules if m.startswith('headwater.') and m != 'headwater.cli.main'])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", output, re.MULTILINE)
    assert output.splitlines()[-1] == "['headwater.cli']"


def test_an_unknown_command_is_a_mistake_of_the_user() -> None:
    result = CliRunner().invoke(main, ["stary"])
    assert result.exit_code == 2
    assert "No such command" in result.output
