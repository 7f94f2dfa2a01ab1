"""How the tests of the commands run them: as a user does, in a pipe or on a terminal."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import pytest
from click.testing import CliRunner

from headwater.cli.main import main
from tests.client.streams import wait_until_active
from tests.waiting import RETRY_FOR_S

COMMAND = [sys.executable, "-m", "headwater"]
TIMEOUT_S = RETRY_FOR_S
OF_THEIR_OWN = frozenset({"aws"})
"""Commands that need a process: this one becomes another program."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended; on a terminal all output is in `out`."""

    exit_code: int
    out: str
    err: str = ""


@pytest.fixture
def variables(server: Any, tmp_path: Any) -> dict[str, str]:
    """The environment of a user whose AWS variables point at the server, and who has no profile."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    for size in ("COLUMNS", "LINES"):  # a worker of pytest has them, and they win over the terminal's own
        mine.pop(size, None)
    return mine | {
        "AWS_ENDPOINT_URL": server.endpoint_url,
        "HOME": str(tmp_path),
        "USERPROFILE": str(tmp_path),
        "PYTHONUTF8": "1",
        "TERM": "xterm-256color",
        "TZ": "UTC",
    }


@pytest.fixture
def headwater(variables: dict[str, str]) -> Callable[..., Ended]:
    """Runs a command as in a pipe: `headwater("put", "orders", stdin=b"...")`. Most need no new process."""

    def run(*arguments: str, stdin: bytes = b"", more: Mapping[str, str] | None = None) -> Ended:
        wanted = variables | dict(more or {})
        if arguments[:1] and arguments[0] in OF_THEIR_OWN:
            process = subprocess.run(
                [*COMMAND, *arguments],
                input=stdin,
                capture_output=True,
                env=wanted,
                timeout=TIMEOUT_S,
                check=False,
            )
            return Ended(process.returncode, process.stdout.decode(), process.stderr.decode())
        gone = dict.fromkeys(os.environ.keys() - wanted.keys())  # as a new process would not have them
        with piped(stdin) as pipe:
            ended = CliRunner().invoke(
                main, arguments, input=pipe, env={**gone, **wanted}, prog_name="headwater"
            )
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Ended(ended.exit_code, ended.stdout, ended.stderr)

    return run


@contextmanager
def piped(data: bytes) -> Iterator[BinaryIO]:
    """The end of a pipe from which these bytes can be read, as a shell gives it to a command."""
    reading, writing = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:
            pipe.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(reading, "rb") as pipe:
        yield pipe
    writer.join()


@pytest.fixture
def on_terminal(variables: dict[str, str]) -> Callable[..., Ended]:
    """Runs a command on a terminal of 160 columns; `typed` is typed there, `stdin` comes from a pipe."""
    pty, fcntl, termios = map(pytest.importorskip, ("pty", "fcntl", "termios"))  # not on Windows

    def run(
        *arguments: str, typed: bytes = b"", stdin: bytes | None = None, interrupt_after: str = ""
    ) -> Ended:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        with subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=slave if stdin is None else subprocess.PIPE,
            stdout=slave,
            stderr=slave,
            env=variables,
        ) as process:
            os.close(slave)
            os.write(master, typed)
            if process.stdin is not None:
                process.stdin.write(stdin or b"")
                process.stdin.close()
            shown = b""
            for part in _read_to_end(master):
                shown += part
                if interrupt_after and interrupt_after.encode() in shown:
                    process.send_signal(signal.SIGINT)
                    interrupt_after = ""
        os.close(master)
        plain = re.sub(r"\x1b\[[\d;]*m", "", shown.decode())  # without colours: they stand between words
        return Ended(process.returncode, plain)

    return run


@pytest.fixture
def stream(kinesis: Any) -> Iterator[str]:
    """An ACTIVE stream of two shards, of this test only."""
    name = f"cli-{uuid.uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    wait_until_active(kinesis, name)
    yield name
    if name in kinesis.list_streams(Limit=1000)["StreamNames"]:
        kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


@pytest.fixture
def active(kinesis: Any) -> Callable[[str], None]:
    """Waits until a stream is ACTIVE."""
    return lambda name: wait_until_active(kinesis, name)


@pytest.fixture
def stored(kinesis: Any) -> Callable[[str], list[dict[str, Any]]]:
    """Gives every record of a stream, shard after shard, as the SDK reads them."""

    def read(name: str) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []
        for shard in kinesis.list_shards(StreamName=name)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                page = kinesis.get_records(ShardIterator=iterator)
                records += [record | {"ShardId": shard["ShardId"]} for record in page["Records"]]
                iterator = page.get("NextShardIterator") if page["MillisBehindLatest"] else None
        return records

    return read


def _read_to_end(master: int) -> Iterator[bytes]:
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # how Linux says that the other end is closed
            return
        if not part:
            return
        yield part
