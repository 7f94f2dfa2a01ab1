from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater.cli import put as put_module
from headwater.cli.client_environment import ClientEnvironment
from headwater.cli.connection import ApiError, ServerConnection
from headwater.cli.put import BatchSender, Line, batches, numbered_lines
from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import TRANSIENT_CODES
from headwater.client.calls.put_call import CALL_BYTES_MAX
from headwater.testing import ServerFaults
from headwater.testing.admin_client import AdminClient
from tests.conftest import RunningServer
from tests.waiting import wait_until

# ---- against a server


def test_a_record_is_put_and_its_place_is_told(
    headwater: Callable[..., Any], stream: str, stored: Callable[[str], list[dict[str, Any]]]
) -> None:
    ended = headwater("put", stream, "héllo", "--partition-key", "k")
    assert ended.exit_code == 0, ended.err
    (record,) = stored(stream)
    assert record["Data"] == "héllo".encode()
    assert record["PartitionKey"] == "k"
    assert json.loads(ended.out) == {"ShardId": record["ShardId"], "SequenceNumber": record["SequenceNumber"]}


def test_on_a_terminal_the_place_is_a_plain_line(on_terminal: Callable[..., Any], stream: str) -> None:
    assert re.fullmatch(r"shardId-\d{12}  \d{56}\s*", on_terminal("put", stream, "x").out)


def test_the_explicit_hash_key_picks_the_shard(
    headwater: Callable[..., Any], stream: str, stored: Callable[[str], list[dict[str, Any]]]
) -> None:
    headwater("put", stream, "x", "--explicit-hash-key", str(2**128 - 1))
    headwater("put", stream, "--explicit-hash-key", "0", stdin=b"y\n")
    assert {record["Data"]: record["ShardId"][-1] for record in stored(stream)} == {b"x": "1", b"y": "0"}


def test_each_line_of_standard_input_is_a_record(
    headwater: Callable[..., Any], stream: str, stored: Callable[[str], list[dict[str, Any]]]
) -> None:
    ended = headwater("put", stream, "--partition-key", "k", stdin=b"one\ntwo\r\n\n\xff\x00three")
    assert ended.exit_code == 0, ended.err
    assert [record["Data"] for record in stored(stream)] == [b"one", b"two\r", b"", b"\xff\x00three"]
    tally = json.loads(ended.out)
    assert (tally["Records"], tally["Bytes"], tally["FailedLines"]) == (4, 14, [])
    assert sum(tally["Shards"].values()) == 4


def test_a_dash_means_standard_input(
    headwater: Callable[..., Any], stream: str, stored: Callable[[str], list[dict[str, Any]]]
) -> None:
    headwater("put", stream, "-", stdin=b"x\n")
    assert [record["Data"] for record in stored(stream)] == [b"x"]


def test_no_input_puts_nothing(headwater: Callable[..., Any], stream: str) -> None:
    ended = headwater("put", stream)
    assert ended.exit_code == 0
    assert json.loads(ended.out)["Records"] == 0


def test_each_line_of_a_file_is_a_record_in_the_order_of_the_file(
    headwater: Callable[..., Any], stream: str, stored: Callable[[str], list[dict[str, Any]]], tmp_path: Path
) -> None:
    lines = [f"line {n} ".encode() * random.Random(n).randrange(1, 400) for n in range(3000)]
    (tmp_path / "lines").write_bytes(b"\n".join(lines))
    ended = headwater("put", stream, "--file", str(tmp_path / "lines"), "--partition-key", "k")
    assert ended.exit_code == 0, ended.err
    assert [record["Data"] for record in stored(stream)] == lines
    assert json.loads(ended.out)["Records"] == 3000


def test_records_without_a_key_are_spread(
    headwater: Callable[..., Any], stream: str, stored: Callable[[str], list[dict[str, Any]]]
) -> None:
    headwater("put", stream, stdin=b"x\n" * 100)
    records = stored(stream)
    assert len({record["PartitionKey"] for record in records}) == 100
    assert len({record["ShardId"] for record in records}) == 2


def test_the_key_is_taken_from_a_field(
    headwater: Callable[..., Any], stream: str, stored: Callable[[str], list[dict[str, Any]]]
) -> None:
    ended = headwater(
        "put", stream, "--partition-key-field", "id", stdin=b'{"id": "a"}\n{"id": 7}\n{"id": true}\n'
    )
    assert ended.exit_code == 0, ended.err
    keys = {record["Data"]: record["PartitionKey"] for record in stored(stream)}
    assert keys == {b'{"id": "a"}': "a", b'{"id": 7}': "7", b'{"id": true}': "true"}


def test_lines_that_cannot_be_stored_are_named_and_the_others_are_stored(
    headwater: Callable[..., Any], stream: str, stored: Callable[[str], list[dict[str, Any]]]
) -> None:
    too_long = b'{"id": "' + b"k" * 300 + b'"}'
    lines = [b'{"id": 1}', b"no json", b"{}", too_long, b'{"id": {}}', b"[]", b'{"id": 2}', b'{"id": ""}']
    ended = headwater("put", stream, "--partition-key-field", "id", stdin=b"\n".join(lines))
    assert ended.exit_code == 1
    assert json.loads(ended.out)["FailedLines"] == [2, 3, 4, 5, 6, 8]
    assert "headwater: line 2: not JSON\n" in ended.err
    assert "headwater: line 3: no field 'id'\n" in ended.err
    assert re.search(r"headwater: line 4: ValidationException: .*less than or equal to 256\n", ended.err)
    assert sorted(record["Data"] for record in stored(stream)) == [b'{"id": 1}', b'{"id": 2}']


def test_a_record_that_is_too_large_does_not_stop_the_others(
    headwater: Callable[..., Any], stream: str, stored: Callable[[str], list[dict[str, Any]]]
) -> None:
    ended = headwater("put", stream, stdin=b"a\n" + b"x" * (11 * 2**20) + b"\nb\n")
    assert ended.exit_code == 1
    assert json.loads(ended.out)["FailedLines"] == [2]
    assert sorted(record["Data"] for record in stored(stream)) == [b"a", b"b"]


def test_very_many_failed_lines_are_not_all_named(headwater: Callable[..., Any], stream: str) -> None:
    ended = headwater("put", stream, "--partition-key-field", "id", stdin=b"{}\n" * 100)
    assert ended.err.count("headwater: line ") == 20
    assert "80 more lines" in ended.err


def test_a_stream_that_does_not_exist_is_an_error(headwater: Callable[..., Any]) -> None:
    for ended in (headwater("put", "nothing", "x"), headwater("put", "nothing", stdin=b"x\n")):
        assert ended.exit_code == 1
        assert ended.err.startswith("headwater: ResourceNotFoundException: ")
        assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["x", "--partition-key", "k", "--partition-key-field", "f"],
        ["x", "--file", __file__],
        ["--file", "/nonexistent"],
    ],
)
def test_options_that_make_no_sense_put_nothing(
    headwater: Callable[..., Any], stream: str, arguments: list[str]
) -> None:
    assert headwater("put", stream, *arguments).exit_code == 2


def test_input_that_comes_slowly_is_not_held_back(
    variables: dict[str, str], stream: str, stored: Callable[[str], list[dict[str, Any]]]
) -> None:
    command = [sys.executable, "-m", "headwater", "put", stream]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=variables
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"early\nlat")
        process.stdin.flush()
        wait_until(lambda: stored(stream))
        process.stdin.write(b"e\n")
    assert process.returncode == 0
    assert sorted(record["Data"] for record in stored(stream)) == [b"early", b"late"]


def test_an_interrupted_put_says_how_far_it_came(
    server: RunningServer, variables: dict[str, str], stream: str, stored: Any
) -> None:
    command = [sys.executable, "-m", "headwater", "put", stream]
    faults = ServerFaults(AdminClient(server.endpoint_url))
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=variables
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"one\ntwo\n")
        process.stdin.flush()
        wait_until(lambda: len(stored(stream)) == 2)
        with faults.delay("PutRecords", stream=stream, delay_ms=600_000) as held:
            process.stdin.write(b"three\n")
            process.stdin.flush()
            wait_until(lambda: held.fired)  # so the answer about the first two has come
            process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read() == b"headwater: interrupted (lines up to 2 are done)\n"
    assert process.returncode == 1


def test_a_terminal_sees_a_bar_and_a_table(on_terminal: Callable[..., Any], stream: str) -> None:
    shown = on_terminal("put", stream, stdin=b"some data\n" * 20_000)
    assert shown.exit_code == 0
    assert "20,000 records, 180,000 bytes." in shown.out
    assert re.search(r"shardId-000000000000\s+[\d,]+", shown.out)
    assert "━" in shown.out


def test_lines_can_be_typed(
    on_terminal: Callable[..., Any], stream: str, stored: Callable[[str], list[dict[str, Any]]]
) -> None:
    shown = on_terminal("put", stream, typed=b"typed\n\x04")
    assert shown.exit_code == 0
    assert "1 record, 5 bytes." in shown.out
    assert "━" not in shown.out
    assert [record["Data"] for record in stored(stream)] == [b"typed"]


# ---- lines and batches


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([], []),
        ([b"a\nb"], [b"a", b"b"]),
        ([b"a", b"b\n"], [b"ab"]),
        ([b"a\n", b"\n", b"b\r\n"], [b"a", b"", b"b\r"]),
        ([b"\n\n"], [b"", b""]),
    ],
)
def test_lines_end_at_line_feeds_only(chunks: list[bytes], lines: list[bytes]) -> None:
    assert list(numbered_lines(chunks)) == list(enumerate(lines, 1))


def test_lines_do_not_depend_on_how_the_bytes_arrive() -> None:
    data = os.urandom(20_000)
    chunks = [data[at : at + 7] for at in range(0, len(data), 7)]
    whole = data.split(b"\n")
    assert [line for _, line in filter(None, numbered_lines(chunks))] == (whole if whole[-1] else whole[:-1])


def test_a_batch_holds_500_records() -> None:
    assert [len(batch) for batch in batches(Line(n, b"", "k") for n in range(1201))] == [500, 500, 201]


def test_a_batch_holds_10_mib_with_its_keys() -> None:
    exactly = [Line(1, b"x" * (CALL_BYTES_MAX // 2 - 3), "key")] * 2
    assert [len(batch) for batch in batches(exactly)] == [2]
    assert [len(batch) for batch in batches([*exactly, Line(3, b"", "é")])] == [2, 1]


def test_a_record_larger_than_a_batch_goes_alone() -> None:
    lines = [Line(1, b"a", "k"), Line(2, b"x" * (CALL_BYTES_MAX + 1), "k"), Line(3, b"b", "k")]
    assert [[line.number for line in batch] for batch in batches(lines)] == [[1], [2], [3]]


# ---- refusals


class Refusing(ServerConnection):
    """A server in memory, whose PutRecords asks `refuse` for the error of a record, if any."""

    def __init__(self, refuse: Callable[[str, int], str | None]) -> None:
        super().__init__(ClientEnvironment())
        self.calls: list[list[str]] = []
        self.stored: list[str] = []
        self._refuse = refuse

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        assert operation == "PutRecords"
        keys = [record["PartitionKey"] for record in members["Records"]]
        self.calls.append(keys)
        codes = [self._refuse(key, len(self.calls)) for key in keys]
        if "ValidationException" in codes:  # nothing of the batch is stored
            raise ApiError("ValidationException", f"bad {keys[codes.index('ValidationException')]}")
        self.stored += [key for key, code in zip(keys, codes, strict=True) if not code]
        results = [
            {"ErrorCode": code, "ErrorMessage": "no"} if code else {"ShardId": "shardId-000000000000"}
            for code in codes
        ]
        return {"FailedRecordCount": 0, "Records": results}


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backing off takes no time here; a put in a process of its own is not touched."""
    monkeypatch.setattr(Backoff, "delay_s", lambda _: 0.001)


def lines_with_keys(*keys: str) -> list[Line]:
    return [Line(number, b"", key) for number, key in enumerate(keys, 1)]


def test_records_refused_for_the_moment_are_sent_again_alone() -> None:
    connection = Refusing(
        lambda key, call: "ProvisionedThroughputExceededException" if key in "bd" and call < 3 else None
    )
    sender = BatchSender(connection, "s", None)
    sender.put_batch(lines_with_keys("a", "b", "c", "d"))
    assert connection.calls == [["a", "b", "c", "d"], ["b", "d"], ["b", "d"]]
    assert sender.tally.records == 4
    assert sender.tally.refused == []


@pytest.mark.parametrize("code", sorted(TRANSIENT_CODES))
def test_a_record_is_sent_again_after_each_transient_error_that_the_library_knows(code: str) -> None:
    connection = Refusing(lambda key, call: code if key == "b" and call == 1 else None)
    sender = BatchSender(connection, "s", None)
    sender.put_batch(lines_with_keys("a", "b"))
    assert connection.calls == [["a", "b"], ["b"]]
    assert (sender.tally.records, sender.tally.refused) == (2, [])


def test_records_that_are_refused_for_too_long_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(put_module, "RETRY_FOR_S", 0.05)
    connection = Refusing(lambda key, _: "ProvisionedThroughputExceededException" if key == "b" else None)
    sender = BatchSender(connection, "s", None)
    sender.put_batch(lines_with_keys("a", "b"))
    assert sender.tally.records == 1
    assert sender.tally.refused == [(2, "ProvisionedThroughputExceededException: no")]


def test_bad_records_are_found_and_the_others_keep_their_order() -> None:
    connection = Refusing(lambda key, _: "ValidationException" if key in "cg" else None)
    sender = BatchSender(connection, "s", None)
    sender.put_batch(lines_with_keys(*"abcdefgh"))
    assert connection.stored == list("abdefh")
    assert sender.tally.records == 6
    assert sender.tally.refused == [(3, "ValidationException: bad c"), (7, "ValidationException: bad g")]
