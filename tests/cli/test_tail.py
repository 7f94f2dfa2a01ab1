from __future__ import annotations

import base64
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.cli import tail as tail_module
from headwater.cli.client_environment import ClientEnvironment
from headwater.cli.connection import ApiError, ClientFailure, ServerConnection
from headwater.cli.tail import LATEST, TRIM_HORIZON, Follower, TailStart, start_of
from headwater.client.calls.backoff import Backoff
from tests.waiting import RETRY_FOR_S, wait_until

# ---- against a server


def put_all(kinesis: Any, stream: str, *data: str | bytes, key: str = "k") -> None:
    for one in data:
        kinesis.put_record(StreamName=stream, Data=one, PartitionKey=key)


def data_of(ended: Any) -> list[str]:
    return [json.loads(line)["Data"] for line in ended.out.splitlines()]


class Following:
    """A tail in a pipe; its records arrive while it runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.records: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def next_data(self, timeout_s: float = RETRY_FOR_S) -> str:
        return str(self.records.get(timeout=timeout_s)["Data"])

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.records.put(json.loads(line))

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        self._reader.join()
        return self.process.wait(RETRY_FOR_S)


@contextmanager
def following(variables: dict[str, str], *arguments: str) -> Iterator[Following]:
    command = [sys.executable, "-m", "headwater", "tail", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=variables) as process:
        tail = Following(process)
        try:
            yield tail
        finally:
            if process.poll() is None:
                assert tail.interrupt() == 0


def wait_until_following(tail: Following, kinesis: Any, stream: str) -> None:
    """Put markers into every shard until the tail shows them: from then on it misses nothing."""
    waiting = {"0", "1"}
    deadline = time.monotonic() + RETRY_FOR_S
    while waiting:
        assert time.monotonic() < deadline
        for shard, hash_key in (("0", "0"), ("1", str(2**128 - 1))):
            if shard in waiting:
                kinesis.put_record(
                    StreamName=stream, Data=f"marker {shard}", PartitionKey="m", ExplicitHashKey=hash_key
                )
        try:
            while True:
                waiting.discard(tail.next_data(timeout_s=0.5)[-1])
        except queue.Empty:
            pass


def test_the_whole_stream_is_shown_in_json_lines(
    headwater: Callable[..., Any], kinesis: Any, stream: str
) -> None:
    kinesis.put_record(StreamName=stream, Data="héllo\n\x1b[2J".encode(), PartitionKey="k")
    kinesis.put_record(StreamName=stream, Data=b"\xff\x00", PartitionKey="k")
    ended = headwater("tail", stream, "--no-follow")
    assert ended.exit_code == 0, ended.err
    first, second = map(json.loads, ended.out.splitlines())
    assert first["Data"] == "héllo\n\x1b[2J"
    assert base64.b64decode(second["DataBase64"]) == b"\xff\x00"
    assert "Data" not in second
    assert first["PartitionKey"] == "k"
    assert first["ShardId"].startswith("shardId-")
    assert first["SequenceNumber"] < second["SequenceNumber"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["ApproximateArrivalTimestamp"])


def test_pages_are_read_to_the_end(headwater: Callable[..., Any], kinesis: Any, stream: str) -> None:
    headwater("put", stream, stdin=b"".join(b"%d\n" % n for n in range(5000)))
    ended = headwater("tail", stream, "--no-follow")
    assert sorted(map(int, data_of(ended))) == list(range(5000))


def test_the_limit_ends_it(headwater: Callable[..., Any], kinesis: Any, stream: str) -> None:
    put_all(kinesis, stream, "a", "b", "c", "d")
    assert data_of(headwater("tail", stream, "--from", "trim-horizon", "--limit", "3")) == ["a", "b", "c"]


def test_latest_without_following_shows_nothing(
    headwater: Callable[..., Any], kinesis: Any, stream: str
) -> None:
    put_all(kinesis, stream, "a")
    assert headwater("tail", stream, "--from", "latest", "--no-follow").out == ""


def test_a_time_begins_there(headwater: Callable[..., Any], kinesis: Any, stream: str) -> None:
    put_all(kinesis, stream, "before")
    time.sleep(0.05)
    middle = time.time()
    time.sleep(0.05)
    put_all(kinesis, stream, "after")
    for start in (str(middle), datetime.fromtimestamp(middle, UTC).isoformat()):
        assert data_of(headwater("tail", stream, "--from", start, "--no-follow")) == ["after"]
    assert data_of(headwater("tail", stream, "--from", "-10m", "--no-follow")) == ["before", "after"]


def test_a_start_that_is_none_is_refused(headwater: Callable[..., Any], stream: str) -> None:
    ended = headwater("tail", stream, "--from", "yesterday")
    assert ended.exit_code == 2
    assert "trim-horizon" in ended.err


def test_a_stream_that_does_not_exist_is_an_error(headwater: Callable[..., Any]) -> None:
    ended = headwater("tail", "nothing")
    assert ended.exit_code == 1
    assert (
        ended.err
        == "headwater: ResourceNotFoundException: Stream nothing under account 000000000000 not found.\n"
    )


def test_a_terminal_sees_readable_lines_that_cannot_drive_it(
    on_terminal: Callable[..., Any], kinesis: Any, stream: str
) -> None:
    put_all(kinesis, stream, "plain", "\x1b[2J\x07wiped", b"\xff\xfe", key="k\x1b]0;title\x07")
    shown = on_terminal("tail", stream, "--from", "trim-horizon", interrupt_after="base64:")
    assert shown.exit_code == 0
    header, *lines = shown.out.splitlines()
    assert re.search(r"Arrived\s+Shard\s+Partition key\s+Data", header)
    assert len(lines) == 3
    assert re.search(r"\d\d:\d\d:\d\d\.\d{3}.*shardId-\d{12}.*k\\x1b\]0;title\\x07\s+plain$", lines[0])
    assert lines[1].endswith("\\x1b[2J\\x07wiped")
    assert lines[2].endswith("base64://4=")
    assert "\x1b[2J" not in shown.out
    assert "\x07" not in shown.out


def test_new_records_are_followed_until_it_is_interrupted(
    variables: dict[str, str], kinesis: Any, stream: str
) -> None:
    put_all(kinesis, stream, "old")
    with following(variables, stream) as tail:
        wait_until_following(tail, kinesis, stream)
        put_all(kinesis, stream, "new")
        assert tail.next_data() == "new"
        assert tail.interrupt() == 0


def test_a_deleted_stream_ends_it_with_an_error(
    variables: dict[str, str], headwater: Callable[..., Any], kinesis: Any, stream: str
) -> None:
    with following(variables, stream) as tail:
        wait_until_following(tail, kinesis, stream)
        headwater("stream", "delete", stream)
        assert tail.process.wait(RETRY_FOR_S) == 1


@pytest.mark.parametrize(
    "start", ["latest", *(pytest.param(start, marks=pytest.mark.long) for start in ("trim-horizon", "-1h"))]
)
def test_nothing_is_lost_and_keys_stay_in_order_through_reshards(
    variables: dict[str, str], kinesis: Any, stream: str, active: Callable[[str], None], start: str
) -> None:
    with following(variables, stream, "--from", start) as tail:
        wait_until_following(tail, kinesis, stream)
        stop = threading.Event()
        put: dict[str, list[str]] = {f"key {n}": [] for n in range(6)}

        def put_on() -> None:
            number = 0
            while not stop.is_set():
                for key, data in put.items():
                    data.append(f"{key}: {number}")
                    kinesis.put_record(StreamName=stream, Data=data[-1], PartitionKey=key)
                number += 1

        putter = threading.Thread(target=put_on)
        putter.start()
        try:
            kinesis.split_shard(
                StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**125)
            )
            active(stream)
            kinesis.merge_shards(
                StreamName=stream,
                ShardToMerge="shardId-000000000003",
                AdjacentShardToMerge="shardId-000000000001",
            )
            active(stream)
            kinesis.update_shard_count(StreamName=stream, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
            active(stream)
            so_far = {key: len(data) for key, data in put.items()}
            wait_until(lambda: all(len(data) > so_far[key] + 3 for key, data in put.items()))
        finally:
            stop.set()
            putter.join()
        seen: dict[str, list[str]] = {key: [] for key in put}
        for _ in range(sum(map(len, put.values()))):
            data = tail.next_data()
            while data.startswith("marker"):
                data = tail.next_data()
            seen[data.partition(":")[0]].append(data)
        assert seen == put


def test_closed_shards_are_read_too_when_it_does_not_follow(
    headwater: Callable[..., Any], kinesis: Any, stream: str, active: Callable[[str], None]
) -> None:
    put_all(kinesis, stream, "before")
    kinesis.merge_shards(
        StreamName=stream, ShardToMerge="shardId-000000000000", AdjacentShardToMerge="shardId-000000000001"
    )
    active(stream)
    put_all(kinesis, stream, "after")
    assert data_of(headwater("tail", stream, "--no-follow")) == ["before", "after"]


def test_a_pipe_that_is_closed_ends_it_without_a_traceback(
    variables: dict[str, str], kinesis: Any, stream: str
) -> None:
    put_all(kinesis, stream, "a", "b")
    command = [sys.executable, "-m", "headwater", "tail", stream, "--from", "trim-horizon"]
    reading, writing = os.pipe()
    with subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, env=variables) as process:
        os.close(reading)
        os.close(writing)
        _, err = process.communicate(timeout=RETRY_FOR_S)
    assert b"Traceback" not in err


# ---- starts


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("trim-horizon", TRIM_HORIZON),
        ("TRIM_HORIZON", TRIM_HORIZON),
        ("latest", LATEST),
        ("1777636800.5", TailStart("AT_TIMESTAMP", 1777636800.5)),
        ("2026-05-01T12:00:00Z", TailStart("AT_TIMESTAMP", 1777636800.0)),
        ("2026-05-01T14:00:00.250+02:00", TailStart("AT_TIMESTAMP", 1777636800.25)),
    ],
)
def test_a_start_can_be_named_in_many_ways(text: str, start: TailStart) -> None:
    assert start_of(text) == start


@pytest.mark.parametrize(("text", "age_s"), [("-90s", 90), ("-10m", 600), ("-1.5h", 5400), ("-2d", 172_800)])
def test_an_age_is_counted_back_from_now(text: str, age_s: float) -> None:
    before_s = time.time()
    timestamp_s = start_of(text).timestamp_s
    assert timestamp_s is not None
    assert before_s <= timestamp_s + age_s + 0.001
    assert timestamp_s + age_s <= time.time() + 0.001


def test_a_time_without_a_zone_is_local() -> None:
    assert start_of("2026-05-01T12:00:00").timestamp_s == datetime(2026, 5, 1, 12).astimezone().timestamp()


# ---- following, by a script


class Scripted(ServerConnection):
    """A stream in memory: `pages` gives the answers, or errors, of each shard in turn."""

    def __init__(self, shards: list[dict[str, Any]], pages: dict[str, list[dict[str, Any] | str]]) -> None:
        super().__init__(ClientEnvironment())
        self.shards = shards
        self.pages = {shard: iter(answers) for shard, answers in pages.items()}
        self.iterators: list[tuple[str, str, Any]] = []
        self.reads: list[str] = []

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        answers = {"ListShards": self._list, "GetShardIterator": self._iterator, "GetRecords": self._read}
        return answers[operation](members)

    def _list(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Shards": self.shards}

    def _iterator(self, asked: dict[str, Any]) -> dict[str, Any]:
        place = asked["Timestamp"] or asked["StartingSequenceNumber"]
        self.iterators.append((asked["ShardId"], asked["ShardIteratorType"], place))
        return {"ShardIterator": asked["ShardId"]}

    def _read(self, asked: dict[str, Any]) -> dict[str, Any]:
        shard_id = asked["ShardIterator"]
        self.reads.append(shard_id)
        answer = next(self.pages[shard_id])
        if isinstance(answer, str):
            raise ApiError(answer, "")
        return answer if answer["ends"] else answer | {"NextShardIterator": shard_id}


def shard(shard_id: str, *parents: str, is_open: bool = True) -> dict[str, Any]:
    names = dict(zip(("ParentShardId", "AdjacentParentShardId"), parents, strict=False))
    numbers = {"StartingSequenceNumber": "0"} | ({} if is_open else {"EndingSequenceNumber": "9"})
    return {"ShardId": shard_id, "SequenceNumberRange": numbers, **names}


def page(*data: str, ends: bool = False, behind: int = 0) -> dict[str, Any]:
    records = [{"SequenceNumber": one, "Data": one, "PartitionKey": "k"} for one in data]
    return {"Records": records, "MillisBehindLatest": behind, "ends": ends}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard with nothing new is read again at once; a tail in a process of its own is not touched."""
    monkeypatch.setattr(tail_module, "POLL_S", 0.001)
    monkeypatch.setattr(Backoff, "delay_s", lambda _: 0.001)


def shown(follower: Follower, follow: bool = False) -> list[str]:
    return [record["Data"] for _, records in follower.pages(follow) for record in records]


def test_an_expired_iterator_is_renewed_after_the_last_record_seen() -> None:
    connection = Scripted(
        [shard("a")], {"a": [page("1", "2", behind=1), "ExpiredIteratorException", page("3")]}
    )
    assert shown(Follower(connection, "s", TRIM_HORIZON)) == ["1", "2", "3"]
    assert connection.iterators == [("a", "TRIM_HORIZON", None), ("a", "AFTER_SEQUENCE_NUMBER", "2")]


def test_an_expired_latest_iterator_is_renewed_at_the_time_of_its_start() -> None:
    connection = Scripted([shard("a")], {"a": ["ExpiredIteratorException", page("1")]})
    before = time.time() - 0.001
    assert shown(Follower(connection, "s", LATEST)) == ["1"]
    (_, first, _), (_, second, timestamp) = connection.iterators
    assert (first, second) == ("LATEST", "AT_TIMESTAMP")
    assert before <= timestamp <= time.time()


def test_a_throttled_shard_is_tried_again() -> None:
    throttled = "ProvisionedThroughputExceededException"
    connection = Scripted([shard("a")], {"a": [throttled, throttled, page("1")]})
    assert shown(Follower(connection, "s", TRIM_HORIZON)) == ["1"]


def test_another_error_ends_it() -> None:
    connection = Scripted([shard("a")], {"a": ["AccessDeniedException"]})
    with pytest.raises(ApiError, match="AccessDeniedException"):
        shown(Follower(connection, "s", TRIM_HORIZON))


def test_a_child_waits_for_both_of_its_parents() -> None:
    shards = [shard("a", is_open=False), shard("b", is_open=False), shard("c", "a", "b")]
    connection = Scripted(
        shards,
        {
            "a": [page("a1", ends=True)],
            "b": [page("b1", behind=1), page("b2", behind=1), page("b3", ends=True)],
            "c": [page("c1")],
        },
    )
    assert shown(Follower(connection, "s", TRIM_HORIZON))[-2:] == ["b3", "c1"]
    assert connection.reads.index("c") > max(i for i, read in enumerate(connection.reads) if read == "b")


def test_a_parent_that_left_retention_is_not_waited_for() -> None:
    shards = [shard("a", "gone", is_open=False), shard("b", "a", "gone too")]
    connection = Scripted(shards, {"a": [page("1", ends=True)], "b": [page("2")]})
    assert shown(Follower(connection, "s", TRIM_HORIZON)) == ["1", "2"]


def test_a_shard_that_leaves_retention_while_it_is_read_gives_way_to_its_children() -> None:
    shards = [shard("a", is_open=False), shard("b", "a")]
    connection = Scripted(shards, {"a": ["ResourceNotFoundException"], "b": [page("2")]})
    assert shown(Follower(connection, "s", TRIM_HORIZON)) == ["2"]


def test_latest_reads_shards_that_appear_later_from_their_beginning_and_no_closed_one() -> None:
    shards = [shard("old", is_open=False), shard("a", "old")]
    connection = Scripted(
        shards, {"a": [page("1", ends=True)], "b": [page("2", ends=True)], "c": [page("3")]}
    )
    follower = Follower(connection, "s", LATEST)
    pages = follower.pages(follow=False)
    next(pages)
    connection.shards = [*shards, shard("b", "a", is_open=False), shard("c", "b")]
    assert [records[0]["Data"] for _, records in pages] == ["2", "3"]
    assert [(shard_id, kind) for shard_id, kind, _ in connection.iterators] == [
        ("a", "LATEST"),
        ("b", "TRIM_HORIZON"),
        ("c", "TRIM_HORIZON"),
    ]


def test_following_ends_with_an_error_when_no_shard_is_left() -> None:
    connection = Scripted([shard("a")], {"a": [page("1", ends=True)]})
    with pytest.raises(ClientFailure, match="no shard is left"):
        shown(Follower(connection, "s", TRIM_HORIZON), follow=True)
