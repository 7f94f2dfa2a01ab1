"""What a server says of how it was started."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3
import pytest

from headwater.app import ports
from headwater.app.initial_streams import InitialStreamError
from headwater.app.offline_data import StoreError, check_data
from headwater.app.server import Server
from headwater.config import Config, InitialStream
from headwater.storage import open_store
from headwater.storage.interface import OpenedStore, Post
from headwater.storage.memory_store import MemoryStore
from headwater.testing import Headwater


class NowhereListener:
    """Listens on nothing, so that a test may name an address that others can reach."""

    endpoints = ("http://nowhere",)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    async def open(self) -> None:
        pass

    async def close(self, grace_s: float) -> None:
        pass


@pytest.mark.parametrize(
    ("host", "has_key", "warns"),
    [
        ("0.0.0.0", False, True),
        ("192.0.2.1", False, True),
        ("", False, True),
        ("0.0.0.0", True, False),
        ("127.0.0.1", False, False),
        ("localhost", False, False),
        ("::1", False, False),
    ],
)
def test_a_server_that_is_open_to_all_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str, has_key: bool, warns: bool
) -> None:
    monkeypatch.setattr(ports, "Listener", NowhereListener)
    key = {"access_key_id": "AKIAME", "secret_access_key": "secret"} if has_key else {}

    async def start_and_stop() -> None:
        server = Server(Config(host=host, ports=(0,), **key))  # type: ignore[arg-type]  # texts, all of them
        await server.start()
        await server.stop(0)

    asyncio.run(start_and_stop())
    assert ("may read and change everything" in capsys.readouterr().err) == warns


def test_a_data_directory_that_is_none_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no data of Headwater"):
        check_data(tmp_path)


class MemoryBackEnd:
    """The reference store as a back end: it keeps nothing, and so has nothing to copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, _data_dir: Path | None, post: Post, **_: object) -> OpenedStore:
        return OpenedStore(MemoryStore(post), self.folder, begin_copy=None)


def test_a_server_needs_no_more_of_a_store_than_its_back_end_gives(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(open_store, "BACK_END", MemoryBackEnd(tmp_path))
    with Headwater() as headwater:
        kinesis = headwater.client()
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        put = kinesis.put_record(StreamName="orders", Data=b"one", PartitionKey="key")
        iterator = kinesis.get_shard_iterator(
            StreamName="orders", ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        (record,) = kinesis.get_records(ShardIterator=iterator)["Records"]
        assert record["Data"] == b"one"
        with pytest.raises(HTTPError) as refusal:
            urlopen(f"{headwater.endpoint_url}/_headwater/backup")
        with refusal.value as answer:
            assert (answer.status, b"Others keep this server's data" in answer.read()) == (409, True)
    assert list(tmp_path.iterdir()) == []


def started_once(config: Config) -> list[tuple[str, str, int]]:
    """The streams that the first caller of a server sees: name, mode and open shards."""

    async def start_and_look() -> list[tuple[str, str, int]]:
        server = Server(config)
        await server.start()
        try:
            return await asyncio.to_thread(_streams_at, server.endpoints[0])
        finally:
            await server.stop(0)

    return asyncio.run(start_and_look())


def _streams_at(endpoint_url: str) -> list[tuple[str, str, int]]:
    kinesis = boto3.client(
        "kinesis",
        "us-east-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    summaries = [
        kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        for name in kinesis.list_streams()["StreamNames"]
    ]
    kinesis.close()
    assert {summary["StreamStatus"] for summary in summaries} == {"ACTIVE"}
    return [
        (summary["StreamName"], summary["StreamModeDetails"]["StreamMode"], summary["OpenShardCount"])
        for summary in summaries
    ]


def test_a_server_begins_with_the_streams_that_it_was_asked_for_and_keeps_those_that_it_has(
    tmp_path: Path,
) -> None:
    orders, clicks = InitialStream("orders", 4), InitialStream("clicks", None)
    config = Config(ports=(0,), data_dir=tmp_path, create_streams=(orders, clicks))
    begun = [("clicks", "ON_DEMAND", 4), ("orders", "PROVISIONED", 4)]
    assert started_once(config) == begun
    again = Config(ports=(0,), data_dir=tmp_path, create_streams=(InitialStream("orders", 7),))
    assert started_once(again) == begun


def test_a_stream_beyond_a_limit_ends_the_start_with_its_name() -> None:
    config = Config(ports=(0,), shard_limit=3, create_streams=(InitialStream("orders", 4),))
    with pytest.raises(InitialStreamError, match="--create-stream orders: "):
        started_once(config)
