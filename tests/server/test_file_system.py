"""No request reaches the file system, whatever it names, and what the server keeps there is private."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.server_process import ServerProcess

HOSTILE_REQUESTS = """
import json, socket, sys
from pathlib import Path
from headwater.api.operation import OPERATIONS
from headwater.testing import Headwater

root, secret = Path(sys.argv[1]), sys.argv[2]
touched, watching = [], []

def hook(event, arguments):
    if watching and event.split(".")[0] in {"open", "os", "shutil", "tempfile", "glob", "subprocess"}:
        touched.append((event, repr(arguments)))

sys.addaudithook(hook)

NAMES = [
    str(root / "secret"), "../" * 12 + str(root / "secret")[1:], "..\\\\..\\\\secret", "secret", "./secret",
    "secret\\0.mdb", "data.mdb", "lock", "/etc/passwd", "file://" + str(root / "secret"), "~/secret",
    "$(cat secret)", "%2e%2e%2fsecret", "..%2fsecret", "..;/secret", "CON", "C:\\\\secret", "a" * 5000,
]
MEMBERS = ["StreamName", "StreamARN", "ResourceARN", "ConsumerName", "ConsumerARN", "ShardId",
           "ShardIterator", "NextToken", "KeyId", "PartitionKey", "ExclusiveStartStreamName",
           "StreamId", "Policy"]
AUTHORIZATION = ("AWS4-HMAC-SHA256 Credential=test/20261120/us-east-1/kinesis/aws4_request, "
                 "SignedHeaders=host, Signature=00")

def ask(port, method, target, body=b"", host="localhost", operation="ListStreams"):
    with socket.create_connection(("127.0.0.1", port), timeout=240) as connection:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close",
                 f"X-Amz-Target: Kinesis_20131202.{operation}", "Content-Type: application/x-amz-json-1.1",
                 "X-Amz-Date: 20261120T000000Z", f"Authorization: {AUTHORIZATION}",
                 f"Content-Length: {len(body)}", "", ""]
        connection.sendall("\\r\\n".join(lines).encode("latin-1", "replace") + body)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer

with Headwater(data_dir=root / "data", log_level="debug") as server:
    port = int(server.endpoint_url.rsplit(":", 1)[1])
    watching.append(True)
    answers = []
    for name in NAMES:
        body = {member: name for member in MEMBERS} | {"Tags": {name: name}, "ShardCount": 1, "Data": "",
                "ShardIteratorType": "LATEST", "TagKeys": [name], "Records": []}
        for operation in OPERATIONS:
            answers.append(ask(port, "POST", "/", json.dumps(body).encode(), operation=operation))
        path = "".join(c for c in name if c.isprintable() and c != " ")
        for target in (f"/{path}", path, f"//{path}", f"/_headwater/{path}", f"/_headwater/backup/{path}",
                       f"/_headwater/backup?file={path}", f"/_headwater/clock?path={path}"):
            for method in ("GET", "POST", "PUT", "DELETE"):
                answers.append(ask(port, method, target or "/"))
        answers.append(ask(port, "POST", "/_headwater/clock", json.dumps({"set_ms": name}).encode()))
        answers.append(ask(port, "POST", "/", b"{}", operation=path))
        answers.append(ask(port, "GET", "/", host=path))
    watching.clear()
    leaks = [answer for answer in answers if secret.encode() in answer]
    statuses = sorted({answer.split(b" ", 2)[1].decode() for answer in answers})
print(json.dumps({"touched": [t for t in touched if "secret" in t[1] or "passwd" in t[1] or "aaaa" in t[1]],
                  "leaks": len(leaks), "statuses": statuses, "answers": len(answers)}))
"""


def names_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.long
def test_nothing_that_a_request_names_is_opened_made_or_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("years of work")
    ran = subprocess.run(
        [sys.executable, "-c", HOSTILE_REQUESTS, str(tmp_path), "years of work"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout.splitlines()[-1])
    assert seen["answers"] > 1_000
    assert seen["touched"] == []
    assert seen["leaks"] == 0
    assert "500" not in seen["statuses"]
    assert names_below(tmp_path) == {"secret", "data", "data/data.mdb", "data/lock"}
    assert (tmp_path / "secret").read_text() == "years of work"


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX modes")
def test_what_is_kept_is_private_whatever_the_umask(tmp_path: Path) -> None:
    everything = ["sh", "-c", 'umask 000 && exec "$@"', "sh"]
    data_dir = tmp_path / "data"
    server = ServerProcess(data_dir, 0, tmp_path / "log", "--tls", inside=everything)
    try:
        server.wait_until_ready()
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (data_dir, *data_dir.rglob("*"))}
        assert {path.name for path in modes} >= {"data", "data.mdb", "lock", "tls"}
        assert {path: oct(mode) for path, mode in modes.items() if path.is_dir() and mode != 0o700} == {}
        public = {path.name for path, mode in modes.items() if path.is_file() and mode & 0o077}
        assert all(name.endswith(".pem") and "key" not in name for name in public), public
    finally:
        server.kill()
