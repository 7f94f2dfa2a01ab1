"""A server in the process of its caller."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headwater.storage.interface import StoreError
from headwater.testing import Headwater
from headwater.testing.admin_client import AdminFailure


@pytest.fixture(scope="module")
def running() -> Iterator[Headwater]:
    with Headwater() as server:
        yield server


@pytest.fixture
def server(running: Headwater) -> Headwater:
    running.reset()
    running.clock.restore()
    return running


def one_record_later(kinesis: Any) -> str:
    """The iterator at the first record of a new stream."""
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    kinesis.put_record(StreamName="orders", Data=b"3 apples", PartitionKey="alice")
    iterator = kinesis.get_shard_iterator(
        StreamName="orders", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    return str(iterator["ShardIterator"])


def test_streams_are_ready_at_once(server: Headwater) -> None:
    kinesis = server.client()
    records = kinesis.get_records(ShardIterator=one_record_later(kinesis))["Records"]
    assert [record["Data"] for record in records] == [b"3 apples"]


def test_a_reset_forgets_everything(server: Headwater) -> None:
    kinesis = server.client()
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    server.reset()
    assert kinesis.list_streams()["StreamNames"] == []


def test_an_iterator_expires_when_the_clock_is_moved(server: Headwater) -> None:
    kinesis = server.client()
    iterator = one_record_later(kinesis)
    server.clock.advance(minutes=5, seconds=1)
    with pytest.raises(kinesis.exceptions.ExpiredIteratorException):
        kinesis.get_records(ShardIterator=iterator)


def test_records_leave_when_a_day_has_passed(server: Headwater) -> None:
    kinesis = server.client()
    one_record_later(kinesis)
    server.clock.advance(timedelta(hours=25))
    iterator = kinesis.get_shard_iterator(
        StreamName="orders", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    assert kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"] == []


def test_the_clock_can_be_set_and_stopped_and_restored(server: Headwater) -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    server.clock.stop()
    server.clock.set(moment)
    assert server.clock.now() == moment
    kinesis = server.client()
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    assert summary["StreamCreationTimestamp"] == moment
    server.clock.go_on()
    server.reset()
    server.clock.restore()
    assert abs(server.clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert one_record_later(kinesis)


def test_any_sdk_finds_it_by_the_environment(server: Headwater) -> None:
    script = "import boto3; print(boto3.client('kinesis').list_streams()['StreamNames'])"
    ran = subprocess.run(
        [sys.executable, "-c", script], env=server.environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


def test_servers_have_nothing_in_common_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    threads = threading.active_count()
    with Headwater(region="eu-west-1") as one, Headwater() as two:
        one.client().create_stream(StreamName="orders", ShardCount=1)
        assert two.client().list_streams()["StreamNames"] == []
        described = one.client().describe_stream_summary(StreamName="orders")
        assert ":eu-west-1:" in described["StreamDescriptionSummary"]["StreamARN"]
        assert list(tmp_path.iterdir())
    one.stop()  # once more
    assert threading.active_count() == threads
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError, match="not running"):
        _ = one.endpoint_url


def test_it_can_keep_its_data_and_have_any_setting(tmp_path: Path) -> None:
    with Headwater(data_dir=tmp_path / "data", test_clock=False) as server:
        server.client().create_stream(StreamName="orders", ShardCount=1)
        with pytest.raises(AdminFailure, match="--test-clock"):
            server.clock.advance(hours=1)
        with pytest.raises(StoreError, match="in use"):
            Headwater(data_dir=tmp_path / "data").start()
    with Headwater(data_dir=tmp_path / "data") as server:
        assert server.client().list_streams()["StreamNames"] == ["orders"]
