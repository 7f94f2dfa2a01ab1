"""`kill -9` under load: what a server with a data directory has acknowledged is there after it.

A history is some rounds on one directory. In each of them writers put records while
streams are created, tagged, split and merged, until the server is killed: in even
rounds at any moment, in odd ones as soon as a transition was acknowledged. The next
server must then show, through the API,

- every acknowledged record once, where its answer said, as it was sent;
- of the records without an answer any, but none of them twice;
- every acknowledged change, finished if it was under way.

What was seen once must be seen again, so it counts as acknowledged from then on; what
was not seen must never appear. The next round goes on with the server that was
looked at. All chance comes from the history's seed, but for the threads' turns.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import md5
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from headwater.storage.open_store import open_store
from tests.crash.seen_stream import (
    NAME_END,
    SeenShard,
    SeenStream,
    first_iterator,
    read_on,
    read_page,
    see_everything,
    see_shards,
    wait_until_active,
)
from tests.crash.server_process import GONE, PATIENCE_S, Connection, ServerProcess
from tests.storage.inbox import Inbox

WRITERS = 3
BATCH_SIZES = (1, 1, 1, 5, 25)
DATA_BYTES = (0, 20, 200, 200, 2_000)
LARGE_DATA_BYTES = 70_000
ONE_IN_LARGE = 100
STREAMS_MAX = 10
OPEN_SHARDS_MAX = 6
HASH_KEYS = 2**128


class Placement(NamedTuple):
    """Where a record is."""

    stream: str
    shard_id: str
    sequence_number: str


class Change(NamedTuple):
    """A change of a stream. It replaces an earlier one of the same operation, stream and subject."""

    operation: str
    stream: str
    subject: str
    """The shard, or the key of the tag, that is changed; empty for the stream itself."""
    members: dict[str, Any]

    @property
    def identity(self) -> tuple[str, str, str]:
        return self[:3]

    def is_shown(self, seen: dict[str, SeenStream]) -> bool:
        if self.stream not in seen:
            return False
        tags, shards = seen[self.stream]
        children = [shard for shard in shards if self.subject in shard.parents]
        match self.operation:
            case "CreateStream":
                return bool(sum(not shard.parents for shard in shards) == self.members["ShardCount"])
            case "AddTagsToStream":
                return bool(self.members["Tags"].items() <= tags.items())
            case "SplitShard":
                boundary = int(self.members["NewStartingHashKey"])
                starts = {child.start for child in children if child.parents == [self.subject]}
                return len(children) == len(starts) == 2 and boundary in starts
            case "MergeShards":
                parents = [self.subject, self.members["AdjacentShardToMerge"]]
                return [child.parents for child in children] == [parents]
            case _:
                raise NotImplementedError(self.operation)


class Bookmark(NamedTuple):
    """An iterator that was taken before the kill."""

    stream: str
    shard_id: str
    last_read: str
    """The number of the last record before it; empty if there is none."""
    iterator: str


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
        self._data_dir = folder / "data"
        self._log = folder / "log"
        self._seed = seed
        self._chance = Random(seed)
        self._stored: dict[str, Placement] = {}
        """Records that were acknowledged, or seen."""
        self._sent: set[str] = set()
        """Records of the present round, acknowledged or not."""
        self._changes: dict[tuple[str, str, str], Change] = {}
        """Changes that were acknowledged, or seen."""
        self._asked: Change | None = None
        """The change that waits for its answer."""
        self._streams: list[str] = []
        """Streams that take records."""
        self._kill_in_transition = threading.Event()
        self._killed = threading.Event()

    def run(self, rounds: int) -> None:
        try:
            self._start(0)
            with closing(self._server.connect()) as connection:
                self._make(connection, self._creation("stream", self._chance))
            for number in range(rounds):
                bookmark = self._load(number)
                self._start(number + 1)
                with closing(self._server.connect()) as connection:
                    self._inspect(connection, bookmark)
            assert self._server.stop() == 0
        finally:
            self._server.kill()
        self._check_store()
        assert self._log.read_text() == ""

    def _start(self, number: int) -> None:
        """Start a server for the round, sometimes after one that is killed while it starts."""
        if self._chance.randrange(3) == 0:
            early = ServerProcess(self._data_dir, 0, self._log)
            time.sleep(self._chance.uniform(0.0, 0.3))
            early.kill()
        transition_ms = 50 if number % 2 else self._chance.choice((0, 5, 50))
        self._server = ServerProcess(self._data_dir, transition_ms, self._log)
        self._server.wait_until_ready()

    # Load

    def _load(self, number: int) -> Bookmark:
        """Work on the server from all sides, and kill it."""
        self._kill_in_transition.clear()
        self._killed.clear()
        with ThreadPoolExecutor(WRITERS + 1) as pool:
            names = [f"{number:03}-{writer}" for writer in range(WRITERS)]
            working = [pool.submit(self._until_killed, self._put_records, name) for name in names]
            working.append(pool.submit(self._until_killed, self._make_changes, f"{number:03}"))
            try:
                time.sleep(self._chance.uniform(0.05, 0.8))
                with closing(self._server.connect()) as connection:
                    bookmark = self._bookmark(connection)
                if number % 2:
                    self._kill_in_transition.set()
                    self._killed.wait(PATIENCE_S)
            finally:
                self._kill()
        for work in working:
            work.result()
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
            stream = chance.choice(self._streams)
            names = [f"{writer}-{next(serials):06}" for _ in range(chance.choice(BATCH_SIZES))]
            self._sent.update(names)
            entries = [entry_named(name) for name in names]
            if len(names) == 1:
                answers = [connection.call("PutRecord", StreamName=stream, **entries[0])]
            else:
                answers = connection.call("PutRecords", StreamName=stream, Records=entries)["Records"]
            for name, answer in zip(names, answers, strict=True):
                self._stored[name] = Placement(stream, answer["ShardId"], answer["SequenceNumber"])

    def _make_changes(self, connection: Connection, changer: str, chance: Random) -> None:
        for serial in count():
            stream = chance.choice(self._streams)
            one_in = 2 if self._kill_in_transition.is_set() else 6
            if len(self._streams) < STREAMS_MAX and chance.randrange(one_in) == 0:
                change = self._creation(f"stream-{changer}-{serial}", chance)
            elif chance.randrange(3) == 0:
                change = self._tagging(stream, f"{changer}-{serial}", chance)
            else:
                change = self._resharding(connection, stream, chance)
            self._make(connection, change)
            time.sleep(chance.uniform(0.0, 0.02))

    def _make(self, connection: Connection, change: Change) -> None:
        self._asked = change
        connection.call(change.operation, StreamName=change.stream, **change.members)
        if self._kill_in_transition.is_set() and change.operation != "AddTagsToStream":
            self._kill()
        self._changes[change.identity] = change
        self._asked = None
        wait_until_active(connection, change.stream)
        if change.operation == "CreateStream":
            self._streams.append(change.stream)

    def _creation(self, name: str, chance: Random) -> Change:
        return Change("CreateStream", name, "", {"ShardCount": chance.randrange(1, 4)})

    def _tagging(self, stream: str, value: str, chance: Random) -> Change:
        key = f"key-{chance.randrange(5)}"
        return Change("AddTagsToStream", stream, key, {"Tags": {key: value}})

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

    def _bookmark(self, connection: Connection) -> Bookmark:
        """Where somebody has stopped reading a shard."""
        while True:
            stream = self._chance.choice(self._streams)
            shard = self._chance.choice(see_shards(connection, stream))
            iterator = first_iterator(connection, stream, shard)
            records, following = read_page(connection, iterator, limit=10)
            if following is not None:
                last_read = records[-1].sequence_number if records else ""
                return Bookmark(stream, shard.shard_id, last_read, following)

    # Inspection

    def _inspect(self, connection: Connection, bookmark: Bookmark) -> None:
        """Compare what the server shows with what was acknowledged, and remember what it shows."""
        seen = see_everything(connection)
        for change in self._changes.values():
            assert self._is_kept(change, seen), f"{change} is gone"
        for name, stream in seen.items():
            self._check_lineage(name, stream)
        found = self._check_records(seen)
        (marked,) = (shard for shard in seen[bookmark.stream].shards if shard.shard_id == bookmark.shard_id)
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
        closed = {shard.shard_id for shard in stream.shards if not shard.is_open}
        asked = [change for change in (*self._changes.values(), self._asked) if change is not None]
        assert closed <= {
            shard_id
            for change in asked
            if change.stream == name
            for shard_id in (change.subject, change.members.get("AdjacentShardToMerge"))
        }

    def _check_records(self, seen: dict[str, SeenStream]) -> dict[str, Placement]:
        found: dict[str, Placement] = {}
        for name, stream in seen.items():
            for shard in stream.shards:
                self._check_shard(shard)
                for record in shard.records:
                    assert record.name not in found, f"{record.name} is there twice"
                    found[record.name] = Placement(name, shard.shard_id, record.sequence_number)
        for record_name, placement in self._stored.items():
            assert found.get(record_name) == placement, f"{record_name} is not at {placement}"
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
        self._sent.clear()
        if self._asked is not None and self._asked.is_shown(seen):
            self._changes[self._asked.identity] = self._asked
        self._asked = None
        self._streams = list(seen)

    def _check_store(self) -> None:
        inbox = Inbox()
        store = open_store(self._data_dir, inbox)
        broken = store.check()
        store.close()
        inbox.run_posted()
        assert broken == []


@pytest.mark.parametrize("seed", [1, 2], ids="seed-{}".format)
def test_what_was_acknowledged_outlives_three_kills(tmp_path: Path, seed: int) -> None:
    History(tmp_path, seed).run(rounds=3)


@pytest.mark.long
@pytest.mark.parametrize("seed", [3, 4], ids="seed-{}".format)
def test_what_was_acknowledged_outlives_twenty_kills(tmp_path: Path, seed: int) -> None:
    History(tmp_path, seed).run(rounds=20)
