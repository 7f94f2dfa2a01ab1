"""A server in a process of its own that runs functions, and how a user makes and calls them with boto3."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.conftest import RunningServer, started_server
from tests.waiting import RETRY_FOR_S, awaited

ROLE = "arn:aws:iam::000000000000:role/test"
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
NODE = "nodejs20.x"
HAS_NODE = shutil.which("node") is not None
INVOCATION_TIMEOUT_S = 120
"""Of functions that are not about it: a busy machine may be too slow for Lambda's three seconds."""


def zipped(files: dict[str, str]) -> bytes:
    """A zip of texts, each a file that may be executed."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, text)
    return body.getvalue()


def client_for(
    service: str,
    endpoint_url: str,
    access_key: str = "test",
    secret: str = "test",
    read_timeout_s: float = RETRY_FOR_S,
) -> Any:
    """A boto3 client that shows every error."""
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout_s),
    )


def awaited_words(file: Path, count: int) -> list[str]:
    """The words of a file, once it has so many."""

    def words() -> list[str] | None:
        found = file.read_text().split() if file.exists() else []
        return found if len(found) >= count else None

    return awaited(words)


@dataclass
class Invoked:
    """What came of an invocation."""

    payload: Any
    error: str | None
    log: str
    version: str


@dataclass
class FunctionServer:
    """What a test works with."""

    endpoint_url: str
    client: Any = field(init=False)
    kinesis: Any = field(init=False)

    def __post_init__(self) -> None:
        self.client = client_for("lambda", self.endpoint_url)
        self.kinesis = client_for("kinesis", self.endpoint_url)

    def create(self, name: str, files: dict[str, str], **members: Any) -> dict[str, Any]:
        """A function that is Active; in Python, in the file app.py, unless told otherwise."""
        usual = {"Runtime": PYTHON, "Handler": "app.handler", "Role": ROLE, "Timeout": INVOCATION_TIMEOUT_S}
        request = {**usual, **members}
        made: dict[str, Any] = self.client.create_function(
            FunctionName=name, Code={"ZipFile": zipped(files)}, **request
        )
        self.await_active(name)
        return made

    def create_python(self, name: str, text: str, **members: Any) -> dict[str, Any]:
        return self.create(name, {"app.py": text}, **members)

    def await_active(self, name: str) -> None:
        def is_settled() -> bool:
            found = self.client.get_function_configuration(FunctionName=name)
            return (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")

        awaited(is_settled)

    def invoke(self, name: str, event: Any = None, **members: Any) -> Invoked:
        payload = json.dumps({} if event is None else event)
        answer = self.client.invoke(FunctionName=name, Payload=payload, LogType="Tail", **members)
        body = answer["Payload"].read()
        return Invoked(
            json.loads(body) if body else None,
            answer.get("FunctionError"),
            base64.b64decode(answer.get("LogResult", "")).decode(),
            answer.get("ExecutedVersion", ""),
        )

    def map(self, stream: str, function: str, **members: Any) -> str:
        """A mapping that is enabled, from the beginning of the stream on; its id."""
        arn = self.stream_arn(stream)
        uuid: str = self.client.create_event_source_mapping(
            EventSourceArn=arn, FunctionName=function, StartingPosition="TRIM_HORIZON", **members
        )["UUID"]
        awaited(lambda: self.client.get_event_source_mapping(UUID=uuid)["State"] == "Enabled")
        return uuid

    def create_stream(self, name: str, shards: int = 1) -> None:
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        awaited(lambda: self.summary(name)["StreamStatus"] == "ACTIVE")

    def stream_arn(self, name: str) -> str:
        arn: str = self.summary(name)["StreamARN"]
        return arn

    def summary(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.kinesis.describe_stream_summary(StreamName=name)
        return dict(found["StreamDescriptionSummary"])

    def close(self) -> None:
        self.client.close()
        self.kinesis.close()


@contextmanager
def function_server(folder: Path, *options: str) -> Iterator[FunctionServer]:
    """A server with its clients, until the block is left."""
    with started_server(folder / "server.log", *options) as running:
        server = of(running)
        try:
            yield server
        finally:
            server.close()


@contextmanager
def shared_function_server(folder: Path, *options: str) -> Iterator[FunctionServer]:
    """The server that tests of a module share; another one if `HEADWATER_TEST_SERVER` is its URL."""
    url = os.environ.get("HEADWATER_TEST_SERVER")
    if url is None:
        with function_server(folder, *options) as server:
            yield server
        return
    server = FunctionServer(url)
    try:
        yield server
    finally:
        server.close()


def of(running: RunningServer) -> FunctionServer:
    """The clients of a server."""
    return FunctionServer(running.endpoint_url)


def is_running(pid: int) -> bool:
    """Whether a process is there, and is no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def await_gone(pid: int) -> None:
    awaited(lambda: not is_running(pid))


def server_pid(endpoint_url: str) -> int:
    """The process that listens at an URL: one of this test's own children."""
    port = int(endpoint_url.rpartition(":")[2])
    inodes = {
        fields[9]
        for fields in (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == "0A"
    }
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    for pid in map(int, children):
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            if any(f"socket:[{inode}]" == str(handle.readlink()) for inode in inodes):
                return pid
    raise LookupError(f"no child listens at {endpoint_url}")
