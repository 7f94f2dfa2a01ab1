"""`kill -9` under load: what a server with a data directory has acknowledged is there after it.

A history is some rounds on one directory. In each of them writers put records and
readers read them, by GetRecords and by SubscribeToShard, while streams are created,
tagged, split, merged and deleted, consumers come and go, and time goes on so far that
records are trimmed, until the server is killed: in even rounds at any moment, in odd
ones as soon as a transition was acknowledged. A copy of the directory must then pass
the check, and the next server must show, through the API,

- every acknowledged record once, where its answer said, as it was sent;
- every record that a reader has seen, where it has seen it;
- of the records without an answer any, but none of them twice;
- none that was too old for its stream before, and none of a stream that was deleted;
- every acknowledged change, finished if it was under way.

What was seen once must be seen again, so it counts as acknowledged from then on; what
was not seen must never appear. The next round goes on with the server that was
looked at. All chance comes from the history's seed, but for the threads' turns.

Time is the server's test clock. It is moved on by more than the retention period, and
`_epoch` counts: it is odd while the clock is being moved. So a record that was sent in
the present epoch is young enough to be there, and one that was acknowledged before the
last move began is not; in between both may be.
"""

from __future__ import annotations

import base64
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import md5
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from headwater.app.offline_data import check_data
from tests.crash.changes import Change
from tests.crash.seen_stream import (
    NAME_END,
    SeenRecord,
    SeenShard,
    SeenStream,
    first_iterator,
    read_on,
    read_page,
    records_in,
    see_consumers,
    see_everything,
    see_shards,
    wait_until_settled,
)
from tests.crash.server_process import GONE, Connection, Refused, ServerProcess
from tests.waiting import RETRY_FOR_S

WRITERS = 3
BATCH_SIZES = (1, 1, 1, 5, 25)
DATA_BYTES = (0, 20, 200, 200, 2_000)
LARGE_DATA_BYTES = 70_000
ONE_IN_LARGE = 100
STREAMS_MIN = 3
STREAMS_MAX = 8
CONSUMERS_MAX = 4
OPEN_SHARDS_MAX = 6
HASH_KEYS = 2**128
BEYOND_RETENTION_MS = 25 * 3600 * 1000
ROUNDS = 10
# What a reader is told of a stream that is deleted, and of one that was.
CODES_OF_LEAVING = frozenset({"ResourceInUseException", "ResourceNotFoundException"})


class Placement(NamedTuple):
    """Where a record is."""

    stream: str
    shard_id: str
    sequence_number: str


class Bookmark(NamedTuple):
    """An iterator that was taken before the kill."""

    stream: str
    shard_id: str
    last_read: str
    """The number of the last record before it; empty if there is none."""
    iterator: str
    epoch: int


def record_named(name: str) -> tuple[str, bytes]:
    """The partition key and the data of the record of this name: the same each time."""
    chance = Random(name)
    size = LARGE_DATA_BYTES if chance.randrange(ONE_IN_LARGE) == 0 else chance.choice(DATA_BYTES)
    return f"key-{chance.randrange(100)}", name.encode() + NAME_END + chance.randbytes(size)


def entry_named(name: str) -> dict[str, str]:
    """That record in a request."""
    partition_key, data = record_named(name)
    return {"PartitionKey": partition_key, "Data": base64.b64encode(data).decode()}


def writer_of(name: str) -> str:
    """A record's name is `<round>-<writer>-<serial>`; a writer's names ascend as it sends them."""
    return name.rpartition("-")[0]


def in_hash_key_order(shards: list[SeenShard]) -> list[SeenShard]:
    """Those that are open."""
    return sorted((shard for shard in shards if shard.is_open), key=lambda shard: shard.start)


class History:
    """Rounds of load, kill and inspection on one data directory."""

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir(exist_ok=True)
        self._data_dir = folder / "data"
        self._log = folder / "log"
        self._seed = seed
        self._chance = Random(seed)
        self._stored: dict[str, Placement] = {}
        """Records that were acknowledged, or seen after a kill."""
        self._read: dict[str, Placement] = {}
        """Records that readers of the present round have seen."""
        self._sent: set[str] = set()
        """Records of the present round, acknowledged or not."""
        self._epoch = 0
        self._sent_in: dict[str, int] = {}
        self._known_in: dict[str, int] = {}
        """The epochs in which records were sent, and in which they were known to be there."""
        self._changes: dict[tuple[str, str, str], Change] = {}
        """Changes that were acknowledged, or seen."""
        self._asked: Change | None = None
        """The change that waits for its answer."""
        self._streams: list[str] = []
        """Streams that take records."""
        self._arns: dict[str, str] = {}
        self._leaving: set[str] = set()
        """Streams whose deletion was asked for."""
        self._closing: set[tuple[str, str]] = set()
        """Shards whose closing was asked for, each with its stream."""
        self._kill_in_transition = threading.Event()
        self._killed = threading.Event()
        self.trims = self.pushed = self.deletions = 0
        """How much of the rarer things there was."""

    def run(self, rounds: int) -> None:
        try:
            self._start(0)
            with closing(self._server.connect()) as connection:
                self._make(connection, self._creation("stream", self._chance))
            for number in range(rounds):
                bookmark = self._load(number)
                self._check_directory()
                self._start(number + 1)
                with closing(self._server.connect()) as connection:
                    self._inspect(connection, bookmark)
            assert self._server.stop() == 0
        finally:
            self._server.kill()
        self._check_directory()
        assert self._log.read_text() == ""

    def _start(self, number: int) -> None:
        """Start a server for the round, sometimes after one that is killed while it starts."""
        if self._chance.randrange(3) == 0:
            early = ServerProcess(self._data_dir, 0, self._log)
            time.sleep(self._chance.uniform(0.0, 0.3))
            early.kill()
        transition_ms = 50 if number % 2 else self._chance.choice((0, 5, 50))
        self._epoch += self._epoch % 2  # whether or not the clock was moved when the server was killed, it is
        self._server = ServerProcess(self._data_dir, transition_ms, self._log, "--test-clock")
        self._server.wait_until_ready()
        with closing(self._server.connect()) as connection:
            connection.admin("POST", "clock", advance_ms=self._epoch // 2 * BEYOND_RETENTION_MS)

    # Load

    def _load(self, number: int) -> Bookmark | None:
        """Work on the server from all sides, and kill it."""
        self._kill_in_transition.clear()
        self._killed.clear()
        with ThreadPoolExecutor(WRITERS + 3) as pool:
            names = [f"{number:03}-{writer}" for writer in range(WRITERS)]
            working = [pool.submit(self._until_killed, self._put_records, name) for name in names]
            others = (self._make_changes, self._read_pages, self._read_events)
            working += [pool.submit(self._until_killed, work, f"{number:03}") for work in others]
            try:
                time.sleep(self._chance.uniform(0.05, 0.6))
                with closing(self._server.connect()) as connection:
                    bookmark = self._bookmark(connection)
                if number % 2:
                    self._kill_in_transition.set()
                    self._killed.wait(RETRY_FOR_S)
            finally:
                self._kill()
        for worker in working:
            worker.result()
        return bookmark

    def _kill(self) -> None:
        self._killed.set()
        self._server.kill()

    def _until_killed(self, work: Callable[[Connection, str, Random], None], name: str) -> None:
        with closing(self._server.connect()) as connection:
            try:
                work(connection, name, Random(f"{self._seed}/{name}"))
            except GONE:
                assert self._killed.is_set(), "the server has gone by itself"

    def _put_records(self, connection: Connection, writer: str, chance: Random) -> None:
        serials = count()
        while True:
            stream = chance.choice(tuple(self._streams))
            names = [f"{writer}-{next(serials):06}" for _ in range(chance.choice(BATCH_SIZES))]
            self._sent.update(names)
            self._sent_in.update(dict.fromkeys(names, self._epoch))
            entries = [entry_named(name) for name in names]
            if len(names) == 1:
                status, answer = connection.ask("PutRecord", StreamName=stream, **entries[0])
                answers = [answer]
            else:
                status, answer = connection.ask("PutRecords", StreamName=stream, Records=entries)
                answers = answer.get("Records", [])
            if status != 200:
                assert answer["__type"] == "ResourceNotFoundException", answer
                assert stream in self._leaving
                continue
            self._known_in.update(dict.fromkeys(names, self._epoch))
            for name, placed in zip(names, answers, strict=True):
                self._stored[name] = Placement(stream, placed["ShardId"], placed["SequenceNumber"])

    def _read_pages(self, connection: Connection, _name: str, chance: Random) -> None:
        """Read shards from their beginnings, as far as a few pages go."""
        while True:
            stream, epoch = chance.choice(tuple(self._streams)), self._epoch
            try:
                shard = chance.choice(see_shards(connection, stream))
                following: str | None = first_iterator(connection, stream, shard)
                for _ in range(5):
                    if following is not None:
                        records, following = read_page(connection, following, limit=100)
                        self._note_read(stream, shard.shard_id, records)
            except Refused as refused:
                if not self._may_be_refused(refused, stream, epoch):
                    raise

    def _may_be_refused(self, refused: Refused, stream: str, epoch: int) -> bool:
        """Whether what was read was on its way out: a stream, or the shards and iterators of an epoch."""
        if refused.code == "ExpiredIteratorException":
            return epoch != self._epoch
        return refused.code in CODES_OF_LEAVING and (stream in self._leaving or epoch != self._epoch)

    def _read_events(self, connection: Connection, _name: str, chance: Random) -> None:
        """Let registered consumers be told of records, from the beginning of an open shard on."""
        while True:
            stream, epoch = chance.choice(tuple(self._streams)), self._epoch
            time.sleep(0.005)
            try:
                consumers = list(see_consumers(connection, self._arns[stream]).values())
                shards = [shard for shard in see_shards(connection, stream) if shard.is_open]
            except Refused as refused:
                if not self._may_be_refused(refused, stream, epoch):
                    raise
                continue
            if consumers:
                shard_id = chance.choice(shards).shard_id
                with closing(self._server.connect()) as subscribing:
                    for event in subscribing.events(
                        ConsumerARN=chance.choice(consumers),
                        ShardId=shard_id,
                        StartingPosition={"Type": "TRIM_HORIZON"},
                    ):
                        records = list(records_in(event))
                        self.pushed += len(records)
                        self._note_read(stream, shard_id, records)

    def _note_read(self, stream: str, shard_id: str, records: list[SeenRecord]) -> None:
        for record in records:
            placement = Placement(stream, shard_id, record.sequence_number)
            assert self._read.setdefault(record.name, placement) == placement

    def _make_changes(self, connection: Connection, changer: str, chance: Random) -> None:
        for serial in count():
            if chance.randrange(25) == 0:
                self._move_clock(connection)
            stream = chance.choice(self._streams)
            one_in = 2 if self._kill_in_transition.is_set() else 6
            if len(self._streams) < STREAMS_MAX and chance.randrange(one_in) == 0:
                change = self._creation(f"stream-{changer}-{serial}", chance)
            elif len(self._streams) > STREAMS_MIN and chance.randrange(10) == 0:
                change = Change("DeleteStream", stream, "", {"EnforceConsumerDeletion": True})
            elif chance.randrange(4) == 0:
                change = self._tagging(stream, f"{changer}-{serial}", chance)
            elif chance.randrange(4) == 0:
                change = self._consuming(connection, stream, f"consumer-{changer}-{serial}", chance)
            else:
                change = self._resharding(connection, stream, chance)
            self._make(connection, change)
            time.sleep(chance.uniform(0.0, 0.02))

    def _make(self, connection: Connection, change: Change) -> None:
        self._asked = change
        self._closing.update((change.stream, shard_id) for shard_id in change.closes)
        if change.operation == "DeleteStream":
            self._leaving.add(change.stream)
            self._streams[:] = [name for name in self._streams if name != change.stream]
        named = (
            {"StreamARN": self._arns[change.stream]}
            if "Consumer" in change.operation
            else {"StreamName": change.stream}
        )
        connection.call(change.operation, **named, **change.members)
        if self._kill_in_transition.is_set() and change.takes_time:
            self._kill()
        self._changes[change.identity] = change
        self._asked = None
        if change.operation == "DeleteStream":
            self.deletions += 1
            self._forget_stream(change.stream)
        arn = wait_until_settled(connection, change.stream)
        if change.operation == "DeleteStream":
            assert arn is None
        elif change.operation == "CreateStream":
            assert arn is not None
            self._arns[change.stream] = arn
            self._streams.append(change.stream)

    def _forget_stream(self, name: str) -> None:
        """Of a deleted stream only its deletion is known."""
        self._changes = {
            identity: change
            for identity, change in self._changes.items()
            if change.stream != name or change.operation == "DeleteStream"
        }

    def _move_clock(self, connection: Connection) -> None:
        """Let every record so far become older than its stream keeps it."""
        self._epoch += 1
        self.trims += 1
        # Shards that were closed may go now, and then do not show what was done to them.
        self._changes = {
            identity: change
            for identity, change in self._changes.items()
            if not change.closes and change.operation != "CreateStream"
        }
        connection.admin("POST", "clock", advance_ms=BEYOND_RETENTION_MS)
        self._epoch += 1

    def _creation(self, name: str, chance: Random) -> Change:
        return Change("CreateStream", name, "", {"ShardCount": chance.randrange(1, 4)})

    def _tagging(self, stream: str, value: str, chance: Random) -> Change:
        key = f"key-{chance.randrange(5)}"
        return Change("AddTagsToStream", stream, key, {"Tags": {key: value}})

    def _consuming(self, connection: Connection, stream: str, name: str, chance: Random) -> Change:
        """One more consumer, or one less."""
        consumers = list(see_consumers(connection, self._arns[stream]))
        if len(consumers) >= CONSUMERS_MAX or (consumers and chance.randrange(3) == 0):
            name = chance.choice(consumers)
            return Change("DeregisterStreamConsumer", stream, name, {"ConsumerName": name})
        return Change("RegisterStreamConsumer", stream, name, {"ConsumerName": name})

    def _resharding(self, connection: Connection, stream: str, chance: Random) -> Change:
        shards = in_hash_key_order(see_shards(connection, stream))
        at = chance.randrange(len(shards))
        shard_id = shards[at].shard_id
        if at > 0 and (len(shards) >= OPEN_SHARDS_MAX or chance.randrange(2) == 0):
            before = shards[at - 1].shard_id
            members = {"ShardToMerge": before, "AdjacentShardToMerge": shard_id}
            return Change("MergeShards", stream, before, members)
        boundary = chance.randrange(shards[at].start + 2, shards[at].end)
        members = {"ShardToSplit": shard_id, "NewStartingHashKey": str(boundary)}
        return Change("SplitShard", stream, shard_id, members)

    def _bookmark(self, connection: Connection) -> Bookmark | None:
        """Where somebody has stopped reading a shard; `None` if it goes away meanwhile."""
        epoch = self._epoch
        stream = self._chance.choice(tuple(self._streams))
        try:
            shard = self._chance.choice(see_shards(connection, stream))
            records, following = read_page(connection, first_iterator(connection, stream, shard), limit=10)
        except Refused as refused:
            if not self._may_be_refused(refused, stream, epoch):
                raise
            return None
        if following is None:
            return None
        last_read = records[-1].sequence_number if records else ""
        return Bookmark(stream, shard.shard_id, last_read, following, epoch)

    # Inspection

    def _inspect(self, connection: Connection, bookmark: Bookmark | None) -> None:
        """Compare what the server shows with what was acknowledged, and remember what it shows."""
        seen = see_everything(connection)
        asked = self._asked
        if asked is not None and asked.operation == "DeleteStream" and asked.is_shown(seen):
            self._changes[asked.identity] = asked
            self._forget_stream(asked.stream)
        for change in self._changes.values():
            assert self._is_kept(change, seen), f"{change} is gone from {seen.get(change.stream)}"
        for name, stream in seen.items():
            self._check_lineage(name, stream)
        found = self._check_records(seen)
        if bookmark is not None and bookmark.epoch == self._epoch and bookmark.stream in seen:
            shards = {shard.shard_id: shard for shard in seen[bookmark.stream].shards}
            marked = shards[bookmark.shard_id]
            after = [record for record in marked.records if record.sequence_number > bookmark.last_read]
            assert read_on(connection, bookmark.iterator, marked) == after
        self._remember(seen, found)

    def _is_kept(self, change: Change, seen: dict[str, SeenStream]) -> bool:
        """Whether the change is there, or the one that was to replace it when the server was killed."""
        asked = [self._asked] if self._asked is not None and self._asked.identity == change.identity else []
        return any(candidate.is_shown(seen) for candidate in (change, *asked))

    def _check_lineage(self, name: str, stream: SeenStream) -> None:
        """The open shards share all hash keys, and no shard was closed that nobody asked to close."""
        following = 0
        for shard in in_hash_key_order(stream.shards):
            assert shard.start == following
            following = shard.end + 1
        assert following == HASH_KEYS
        closed = {(name, shard.shard_id) for shard in stream.shards if not shard.is_open}
        assert closed <= self._closing

    def _check_records(self, seen: dict[str, SeenStream]) -> dict[str, Placement]:
        found: dict[str, Placement] = {}
        for name, stream in seen.items():
            for shard in stream.shards:
                self._check_shard(shard)
                for record in shard.records:
                    assert record.name not in found, f"{record.name} is there twice"
                    found[record.name] = Placement(name, shard.shard_id, record.sequence_number)
        for record_name, placement in (*self._stored.items(), *self._read.items()):
            if placement.stream in seen and self._sent_in[record_name] == self._epoch:
                assert found.get(record_name) == placement, f"{record_name} is not at {placement}"
            else:
                assert placement.stream in seen or placement.stream in self._leaving
                assert found.get(record_name, placement) == placement
        for record_name in found:
            known_in = self._known_in.get(record_name, self._epoch)
            assert known_in >= self._epoch - 1, f"{record_name} should have been forgotten"
        assert found.keys() <= self._stored.keys() | self._sent
        return found

    def _check_shard(self, shard: SeenShard) -> None:
        numbers = [record.sequence_number for record in shard.records]
        assert numbers == sorted(set(numbers))
        names = [record.name for record in shard.records]
        assert sorted(names, key=writer_of) == sorted(names), "each writer's records are in its order"
        for record in shard.records:
            assert (record.partition_key, record.data) == record_named(record.name)
            hash_key = int.from_bytes(md5(record.partition_key.encode()).digest(), "big")
            assert shard.start <= hash_key <= shard.end

    def _remember(self, seen: dict[str, SeenStream], found: dict[str, Placement]) -> None:
        self._stored = found
        for name in found:
            self._known_in.setdefault(name, self._epoch)
        self._sent.clear()
        self._read.clear()
        if self._asked is not None and self._asked.is_shown(seen):
            self._changes[self._asked.identity] = self._asked
        self._asked = None
        self._streams = list(seen)
        self._arns = {name: stream.arn for name, stream in seen.items()}
        self._leaving -= seen.keys()

    def _check_directory(self) -> None:
        """Hold a copy of it against every rule, so that the server finds what the killed one left."""
        copy = self._data_dir.with_name("copy")
        shutil.copytree(self._data_dir, copy)
        try:
            assert check_data(copy) == []
        finally:
            shutil.rmtree(copy)


@pytest.mark.parametrize(("seed", "rounds"), [(1, 4), pytest.param(2, ROUNDS, marks=pytest.mark.long)])
def test_what_was_acknowledged_outlives_some_kills(tmp_path: Path, seed: int, rounds: int) -> None:
    History(tmp_path, seed).run(rounds)


@pytest.mark.long
def test_what_was_acknowledged_outlives_two_hundred_kills(tmp_path: Path) -> None:
    met = [0, 0, 0]
    for seed in range(3, 23):
        history = History(tmp_path / str(seed), seed)
        history.run(ROUNDS)
        met = [met[0] + history.trims, met[1] + history.pushed, met[2] + history.deletions]
    assert min(met) > 0, "nothing was trimmed, pushed, or deleted"
