"""`headwater backup` and `headwater restore`: what is copied is served again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from headwater.testing import Headwater
from tests.client.queues.queues import built_in, left_in, new_queue, put

OWNER, FRIEND = "000000000000", "111122223333"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "monday.backup"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Headwater]:
    with Headwater(data_dir=tmp_path / "data") as server:
        server.client().create_stream(StreamName="orders", ShardCount=2)
        yield server


def read_all(kinesis: Any) -> list[str]:
    """The data of every record, shard after shard."""
    found = []
    for shard in kinesis.list_shards(StreamName="orders")["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="orders", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while page := kinesis.get_records(ShardIterator=iterator)["Records"]:
            found += [record["Data"].decode() for record in page]
            iterator = kinesis.get_shard_iterator(
                StreamName="orders",
                ShardId=shard["ShardId"],
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=page[-1]["SequenceNumber"],
            )["ShardIterator"]
    return found


def restored(headwater: Any, file: Path, folder: Path) -> Headwater:
    ended = headwater("restore", str(file), "--data-dir", str(folder))
    assert (ended.exit_code, ended.out) == (0, f"{folder}: all is well\n"), ended.err
    return Headwater(data_dir=folder)


@pytest.mark.long
def test_a_backup_under_load_has_every_record_that_was_acknowledged_before(
    headwater: Any, running: Headwater, file: Path, tmp_path: Path
) -> None:
    acknowledged: list[str] = []
    done = threading.Event()

    def put() -> None:
        kinesis = running.client()
        for serial in count():
            names = [f"{serial:06}-{n:02}" for n in range(50)]
            kinesis.put_records(
                StreamName="orders",
                Records=[{"Data": name.ljust(2_000), "PartitionKey": name} for name in names],
            )
            acknowledged.extend(names)
            if done.is_set():
                return

    writer = threading.Thread(target=put)
    writer.start()
    kinesis = running.client()
    while len(acknowledged) < 2_000:
        kinesis.describe_limits()
    before = list(acknowledged)
    made = headwater("backup", str(file), "--endpoint-url", running.endpoint_url)
    done.set()
    writer.join()
    assert made.exit_code == 0, made.err
    assert made.out == f"{file}: {file.stat().st_size} bytes\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "monday" in path.name] == [file.name]
    with restored(headwater, file, tmp_path / "restored") as server:
        names = [data.strip() for data in read_all(server.client())]
        assert set(before) <= set(names) <= set(acknowledged)
        assert len(names) == len(set(names))
        # Of one moment: what is there of a batch is all of it, up to one batch.
        assert len(names) % 50 == 0


def received(kinesis: Any, queue: str, count: int) -> dict[str, str]:
    """The receipt handles of so many records, by their data."""
    handles: dict[str, str] = {}
    while len(handles) < count:
        page = kinesis.receive_queue_records(QueueARN=queue, WaitTimeSeconds=20)["QueueRecords"]
        handles |= {record["Data"].decode(): record["ReceiptHandle"] for record in page}
    return handles


def test_an_iterator_survives_in_a_restored_directory(
    headwater: Any, running: Headwater, file: Path, tmp_path: Path
) -> None:
    kinesis = running.client()
    kinesis.put_record(StreamName="orders", Data=b"3 apples", PartitionKey="alice")
    kinesis.add_tags_to_stream(StreamName="orders", Tags={"team": "fruit"})
    (place,) = [
        kinesis.put_record(StreamName="orders", Data=b"a pear", PartitionKey="alice")["ShardId"],
    ]
    iterator = kinesis.get_shard_iterator(
        StreamName="orders", ShardId=place, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert headwater("backup", str(file), "--endpoint-url", running.endpoint_url).exit_code == 0
    with restored(headwater, file, tmp_path / "restored") as server:
        again = server.client()
        records = again.get_records(ShardIterator=iterator)["Records"]
        assert [record["Data"] for record in records] == [b"3 apples", b"a pear"]
        assert again.list_tags_for_stream(StreamName="orders")["Tags"] == [{"Key": "team", "Value": "fruit"}]


def test_a_queue_comes_back_with_its_acknowledgements_and_dead_letters(
    headwater: Any, file: Path, tmp_path: Path
) -> None:
    with Headwater(data_dir=tmp_path / "data") as running:
        kinesis = running.client()
        queue = new_queue(kinesis, **built_in(1))
        put(kinesis, queue, ["done", "dead", "in flight"])
        handles = received(kinesis, queue, 3)
        kinesis.acknowledge_queue_records(QueueARN=queue, Entries=[{"ReceiptHandle": handles["done"]}])
        kinesis.update_queue_records_visibility(
            QueueARN=queue, Entries=[{"ReceiptHandle": handles["dead"], "VisibilityTimeoutSeconds": 0}]
        )
        put(kinesis, queue, ["waiting"])
        before = kinesis.describe_queue(QueueARN=queue)["QueueDescription"]
        assert headwater("backup", str(file), "--endpoint-url", running.endpoint_url).exit_code == 0
    with restored(headwater, file, tmp_path / "restored") as server:
        again = server.client()
        assert again.describe_queue(QueueARN=queue)["QueueDescription"] == before
        # What was in flight is handed out again, as after a restart.
        assert left_in(again, queue) == [("in flight", 1), ("waiting", 1)]
        (dead,) = again.receive_dead_letter_queue_records(QueueARN=queue)["QueueRecords"]
        assert dead["Data"] == b"dead"
        # Handles are sealed with a key that is in the copy.
        settled = again.acknowledge_queue_records(
            QueueARN=queue, Entries=[{"ReceiptHandle": handles["in flight"]}]
        )
        assert settled["Failed"] == []


def test_a_server_without_a_data_directory_can_be_copied_too(
    headwater: Any, server: Any, kinesis: Any, stream: str, file: Path, tmp_path: Path
) -> None:
    kinesis.put_record(StreamName=stream, Data=b"kept", PartitionKey="key")
    assert headwater("backup", str(file)).exit_code == 0
    with restored(headwater, file, tmp_path / "restored") as again:
        assert stream in again.client().list_streams()["StreamNames"]


def test_a_closed_directory_is_copied_without_a_server(
    headwater: Any, running: Headwater, file: Path, tmp_path: Path
) -> None:
    running.client().put_record(StreamName="orders", Data=b"kept", PartitionKey="key")
    data_dir = str(tmp_path / "data")
    in_use = headwater("backup", str(file), "--data-dir", data_dir)
    assert in_use.exit_code == 1
    assert "in use" in in_use.err
    assert not file.exists()
    running.stop()
    assert headwater("backup", str(file), "--data-dir", data_dir).exit_code == 0
    with restored(headwater, file, tmp_path / "restored") as server:
        assert read_all(server.client()) == ["kept"]
    missing = headwater("backup", str(file), "--data-dir", str(tmp_path / "nothing"), "--force")
    assert missing.err == f"headwater: There is no data of Headwater in {tmp_path / 'nothing'}.\n"


def test_a_file_that_is_there_is_replaced_only_by_force(
    headwater: Any, running: Headwater, file: Path
) -> None:
    file.write_text("years of work")
    refused = headwater("backup", str(file), "--endpoint-url", running.endpoint_url)
    assert refused.exit_code == 1
    assert "--force" in refused.err
    assert file.read_text() == "years of work"
    assert headwater("backup", str(file), "--endpoint-url", running.endpoint_url, "--force").exit_code == 0
    assert file.read_bytes().startswith(b"headwater-backup\n")


@pytest.mark.parametrize("answer", [b"headwater-backup\n\0\1\0\2", b"<html>", b""])
def test_what_does_not_come_whole_makes_no_file(headwater: Any, file: Path, answer: bytes) -> None:
    class Half(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Half) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        ended = headwater("backup", str(file), "--endpoint-url", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert ended.exit_code == 1
    assert "backup" in ended.err
    assert list(file.parent.glob("*monday*")) == []
    assert list(file.parent.glob(".*monday*")) == []


def test_nothing_is_restored_from_a_damaged_file_or_over_something(
    headwater: Any, running: Headwater, file: Path, tmp_path: Path
) -> None:
    headwater("backup", str(file), "--endpoint-url", running.endpoint_url)
    over = headwater("restore", str(file), "--data-dir", str(tmp_path))
    assert over.exit_code == 1
    assert "is not empty" in over.err
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    ended = headwater("restore", str(file), "--data-dir", str(tmp_path / "new"))
    assert ended.exit_code == 1
    assert ended.err.startswith(f"headwater: {file}: the backup is ")
    assert not (tmp_path / "new").exists()


def test_a_server_that_knows_its_callers_gives_a_backup_to_its_own_account_only(
    headwater: Any, file: Path, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials"
    credentials.touch(mode=0o600)
    credentials.write_text(
        "".join(
            f"[{account}]\naws_access_key_id = AKID{account}\n"
            f"aws_secret_access_key = secret\naws_account_id = {account}\n"
            for account in (OWNER, FRIEND)
        )
    )

    def keys(account: str, secret: str = "secret") -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": f"AKID{account}", "AWS_SECRET_ACCESS_KEY": secret}

    with Headwater(credentials=credentials) as server:
        command = ("backup", str(file), "--endpoint-url", server.endpoint_url)
        assert "UnrecognizedClientException" in headwater(*command).err
        assert "InvalidSignatureException" in headwater(*command, more=keys(OWNER, "guessed")).err
        assert "AccessDeniedException" in headwater(*command, more=keys(FRIEND)).err
        assert not file.exists()
        assert headwater(*command, more=keys(OWNER)).exit_code == 0
