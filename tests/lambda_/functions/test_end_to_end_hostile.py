"""Functions that mean no good, or do none: the server stays healthy, and nothing of them is left."""

from __future__ import annotations

import io
import os
import signal
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from tests.conftest import started_server
from tests.lambda_.function_server import (
    PYTHON,
    ROLE,
    FunctionServer,
    await_gone,
    awaited_words,
    function_server,
    is_running,
    of,
    server_pid,
)
from tests.waiting import awaited

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionServer]:
    with function_server(tmp_path_factory.mktemp("hostile"), "--log-level", "error") as running:
        yield running


def assert_healthy(server: FunctionServer) -> None:
    with urlopen(f"{server.endpoint_url}/_headwater/health") as answer:
        assert answer.status == 200


def test_an_endless_loop_ends_and_what_it_started_with_it(server: FunctionServer, tmp_path: Path) -> None:
    text = """
import os, signal, subprocess, sys
def handler(event, context):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    with open(event["pids"], "w") as pids:
        pids.write(f"{os.getpid()} {child.pid} ")
    while True:
        pass
"""
    pids = tmp_path / "pids"
    server.create_python("endless", text, Timeout=1)

    def ended() -> list[str]:
        """The processes, if a busy machine has let them begin within their second."""
        invoked = server.invoke("endless", {"pids": str(pids)})
        assert invoked.payload["errorType"] == "Sandbox.Timedout"
        return pids.read_text().split() if pids.exists() else []

    for pid in map(int, awaited(ended)):
        await_gone(pid)
    assert_healthy(server)


def test_what_prints_without_end_is_cut_and_told(server: FunctionServer) -> None:
    text = """
import sys
def handler(event, context):
    for _ in range(100):
        sys.stdout.write("x" * 999_999 + "\\n")
    sys.stdout.write("\\n" * 2_000_000)
    print("the end")
    return "done"
"""
    server.create_python("loud", text)
    invoked = server.invoke("loud")
    assert invoked.payload == "done"
    assert len(invoked.log) <= 4096
    assert "the end" in invoked.log
    with urlopen(f"{server.endpoint_url}/_headwater/lambda/logs?name=loud") as answer:
        kept = answer.read()
    assert len(kept) < 4 * 1024 * 1024
    assert b"more bytes of this invocation are left out" in kept
    assert_healthy(server)


def test_what_goes_on_printing_after_its_answer_has_to_wait(server: FunctionServer, tmp_path: Path) -> None:
    text = """
import os, threading
def flood(file):
    with open(file, "w") as count:
        while True:
            os.write(1, b"x" * 1000)
            count.write(".")
            count.flush()
def handler(event, context):
    if "file" in event:
        threading.Thread(target=flood, args=(event["file"],), daemon=True).start()
    return 1
"""
    written = tmp_path / "written"
    server.create_python("floods", text)
    server.invoke("floods", {"file": str(written)})
    sizes = [-1]

    def stands_still() -> bool:
        sizes.append(written.stat().st_size if written.exists() else -1)
        return len(sizes) > 5 and sizes[-1] > 0 and len(set(sizes[-5:])) == 1

    awaited(stands_still)
    assert server.invoke("floods").payload == 1
    awaited(lambda: written.stat().st_size > sizes[-1])
    assert_healthy(server)


def test_what_forks_leaves_nobody_behind_when_its_process_ends(
    server: FunctionServer, tmp_path: Path
) -> None:
    text = """
import os, time
def handler(event, context):
    for _ in range(5):
        if os.fork() == 0:
            with open(event["pids"], "a") as pids:
                pids.write(f"{os.getpid()} ")
            time.sleep(1000)
    return os.getpid()
"""
    pids = tmp_path / "pids"
    server.create_python("forks", text)
    pid = server.invoke("forks", {"pids": str(pids)}).payload
    children = awaited_words(pids, 5)
    server.client.delete_function(FunctionName="forks")
    for each in (pid, *map(int, children)):
        await_gone(each)
    assert_healthy(server)


def test_what_leaves_its_session_does_not_outlive_its_function(
    server: FunctionServer, tmp_path: Path
) -> None:
    text = """
import os, time
def handler(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open(event["pid"], "w") as pid:
                pid.write(f"{os.getpid()}")
            time.sleep(1000)
        os._exit(0)
"""
    pid = tmp_path / "pid"
    server.create_python("daemon", text)
    server.invoke("daemon", {"pid": str(pid)})
    (daemon,) = awaited_words(pid, 1)
    server.client.delete_function(FunctionName="daemon")
    await_gone(int(daemon))


def test_a_reset_does_not_wait_for_what_never_ends(server: FunctionServer, tmp_path: Path) -> None:
    text = """
import os, time
def handler(event, context):
    with open(os.environ["PID"], "a") as pid:
        pid.write(f"{os.getpid()} ")
    time.sleep(1000)
"""
    pid = tmp_path / "pid"
    server.create_python("stuck", text, Timeout=900, Environment={"Variables": {"PID": str(pid)}})
    server.create_stream("clicks")
    server.map("clicks", "stuck")
    server.kinesis.put_record(StreamName="clicks", PartitionKey="a", Data=b"1")
    (first, *_) = awaited_words(pid, 1)
    with urlopen(Request(f"{server.endpoint_url}/_headwater/reset", method="POST")) as answer:
        assert answer.status == 200
    await_gone(int(first))
    assert server.client.list_functions()["Functions"] == []
    assert server.client.list_event_source_mappings()["EventSourceMappings"] == []


def test_what_closes_its_output_and_never_answers_is_ended(server: FunctionServer) -> None:
    text = """
import os, time
os.close(1)
os.close(2)
def handler(event, context):
    time.sleep(1000)
"""
    server.create_python("silent", text, Timeout=1)
    assert server.invoke("silent").payload["errorType"] == "Sandbox.Timedout"
    assert_healthy(server)


def test_what_says_nonsense_to_the_runtime_api_is_refused(server: FunctionServer) -> None:
    text = """
import http.client, os, socket
def handler(event, context):
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    host, port = address.split(":")
    said = []
    for method, path, headers in (
        ("POST", "/2018-06-01/runtime/invocation/another/response", {}),
        ("GET", "/2020-01-01/extension/register", {}),
        ("PUT", "/2018-06-01/runtime/invocation/next", {}),
        ("GET", "/2018-06-01/runtime/invocation/next", {"Origin": "https://example.com"}),
        ("GET", "/2018-06-01/runtime/invocation/next", {"Sec-Fetch-Site": "same-site"}),
        ("GET", "/2018-06-01/runtime/invocation/next", {"Referer": "http://localhost:3000/"}),
        ("GET", "/2018-06-01/runtime/invocation/next", {"Host": "example.com"}),
    ):
        connection = http.client.HTTPConnection(address)
        connection.request(method, path, headers=headers)
        said.append(connection.getresponse().status)
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(b"nonsense\\r\\n\\r\\n")
        said.append(raw.recv(12).decode())
    return said
"""
    server.create_python("nonsense", text)
    assert server.invoke("nonsense").payload == [400, 404, 405, 403, 403, 403, 403, "HTTP/1.1 400"]
    assert_healthy(server)


def entry(name: str, mode: int = 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.create_system = 3
    return info


def hostile_zip(*entries: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in entries:
            archive.writestr(info, data, compress_type=zipfile.ZIP_DEFLATED)
    return body.getvalue()


LINK = stat.S_IFLNK | 0o777


HOSTILE: dict[str, Callable[[], bytes]] = {
    "parent": lambda: hostile_zip((entry("../out.py"), b"")),
    "absolute": lambda: hostile_zip((entry("/tmp/headwater-out.py"), b"")),
    "parent-below": lambda: hostile_zip((entry("a/../../out.py"), b"")),
    "backslash": lambda: hostile_zip((entry("a\\..\\out.py"), b"")),
    "link-out": lambda: hostile_zip((entry("link", LINK), b"/etc/passwd")),
    "link-up": lambda: hostile_zip((entry("link", LINK), b"../../x")),
    "links-together": lambda: hostile_zip((entry("a/link", LINK), b"../b"), (entry("b", LINK), b"..")),
    "file-and-folder": lambda: hostile_zip((entry("app.py"), b"1"), (entry("app.py/x"), b"2")),
    "bomb": lambda: hostile_zip((entry("big"), bytes(263_000_000))),
    "empty": lambda: b"PK\x05\x06" + bytes(18),
    "nonsense": lambda: b"no zip at all",
    "cut": lambda: hostile_zip((entry("app.py"), b"x" * 1000))[:-30],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_zip_is_refused_and_leaves_nothing(server: FunctionServer, kind: str) -> None:
    zipped = HOSTILE[kind]()
    with pytest.raises(ClientError) as refused:
        server.client.create_function(
            FunctionName="hostile", Runtime=PYTHON, Role=ROLE, Handler="app.handler", Code={"ZipFile": zipped}
        )
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    with pytest.raises(ClientError):
        server.client.get_function(FunctionName="hostile")
    assert_healthy(server)


def test_no_process_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    text = """
import os
def handler(event, context):
    child = os.fork()
    if child == 0:
        while True:
            pass
    return [os.getpid(), child]
"""
    log = tmp_path / "log"
    with started_server(log, "--data-dir", str(tmp_path / "data")) as running:
        server = of(running)
        server.create_python("orphan", text)
        pids = server.invoke("orphan").payload
        assert all(map(is_running, pids))
        os.kill(server_pid(running.endpoint_url), signal.SIGKILL)
        for pid in pids:
            await_gone(pid)
        server.close()
