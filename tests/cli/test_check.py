"""`headwater check`: whole, damaged, in use, or not ours."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from headwater.testing import Headwater

MARK = b"find me " * 8


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A directory with a stream of some records, which no server has open."""
    path = tmp_path / "data"
    with Headwater(data_dir=path) as server:
        kinesis = server.client()
        kinesis.create_stream(StreamName="orders", ShardCount=2)
        kinesis.split_shard(
            StreamName="orders", ShardToSplit="shardId-000000000000", NewStartingHashKey="1000"
        )
        records = [{"Data": b"x" * size, "PartitionKey": str(size)} for size in range(0, 3_000, 20)]
        kinesis.put_records(
            StreamName="orders", Records=[*records, {"Data": MARK * 200, "PartitionKey": "k"}]
        )
    return path


def contents(folder: Path) -> dict[str, str]:
    """Of every file but the lock's, which says who had it last."""
    files = [path for path in folder.iterdir() if path.name != "lock"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_whole_directory_is_well_and_left_as_it_is(headwater: Any, data_dir: Path) -> None:
    before = contents(data_dir)
    ended = headwater("check", "--data-dir", str(data_dir))
    assert (ended.exit_code, ended.out) == (0, f"{data_dir}: all is well\n")
    assert contents(data_dir) == before


def test_a_flipped_bit_in_a_record_is_found(headwater: Any, data_dir: Path) -> None:
    file = data_dir / "data.mdb"
    data = bytearray(file.read_bytes())
    data[data.index(MARK) + 3] ^= 1
    file.write_bytes(data)
    ended = headwater("check", "--data-dir", str(data_dir))
    assert ended.exit_code == 1
    assert "do not match their checksum" in ended.out


def test_a_directory_in_use_is_refused(headwater: Any, data_dir: Path) -> None:
    with Headwater(data_dir=data_dir):
        ended = headwater("check", "--data-dir", str(data_dir))
    assert ended.exit_code == 1
    assert "in use" in ended.err


def test_a_directory_without_data_is_refused_and_stays_empty(headwater: Any, tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path / "empty"):
        ended = headwater("check", "--data-dir", str(path))
        assert ended.exit_code == 1
        assert ended.err == f"headwater: There is no data of Headwater in {path}.\n"
        (tmp_path / "empty").mkdir(exist_ok=True)
    assert list((tmp_path / "empty").iterdir()) == []


def test_either_a_directory_or_a_store_is_checked(headwater: Any, tmp_path: Path) -> None:
    store = "kafka://127.0.0.1:1"
    for given in ((), ("--data-dir", str(tmp_path), "--store", store)):
        ended = headwater("check", *given)
        assert ended.exit_code == 2
        assert "Give one of --data-dir and --store." in ended.err


def test_what_is_no_store_is_refused(headwater: Any) -> None:
    ended = headwater("check", "--store", "kafka://127.0.0.1")
    assert ended.exit_code == 2
    assert "is not a URL such as kafka://broker:9092,broker:9093" in ended.err


def test_how_brokers_are_spoken_to_is_given_as_for_start(headwater: Any) -> None:
    ended = headwater("check", "--store", "kafka://127.0.0.1:1", "--kafka-security", "SASL_SSL")
    assert ended.exit_code == 2
    assert "needs --kafka-username and HEADWATER_KAFKA_PASSWORD" in ended.err


@pytest.mark.parametrize(
    ("option", "needed"),
    [("--kafka-username", "SASL_SSL, or SASL_PLAINTEXT"), ("--kafka-ca", "SSL, or SASL_SSL")],
)
def test_what_brokers_are_not_asked_for_is_refused(headwater: Any, option: str, needed: str) -> None:
    ended = headwater("check", "--store", "kafka://127.0.0.1:1", option, "given")
    assert ended.exit_code == 2
    assert f"{option} needs --kafka-security {needed}" in ended.err
