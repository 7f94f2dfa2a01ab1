"""Channels to a bucket: what is put is found there, as it was put."""

from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError

from headwater.delivery.channels.bucket_destination import FORMAT_CHECKS, INVALID
from tests.delivery.delivered_stream import DeliveredStream
from tests.waiting import awaited, wait_until


@pytest.mark.parametrize(("compression", "extension"), [("NONE", ""), ("GZIP", ".gz"), ("ZSTD", ".zst")])
def test_lines_of_json_are_delivered_once_when_they_have_the_freshness(
    delivered: DeliveredStream, compression: str, extension: str
) -> None:
    delivered.put([b'{"before": true}'])
    channel = delivered.channel(CompressionType=compression)
    datas = [json.dumps({"n": n}).encode() for n in range(1_200)]
    delivered.put(datas)
    delivered.gathered()
    assert delivered.objects() == {}, "they are younger than the freshness"
    delivered.delivered()
    ((key, body),) = delivered.objects().items()
    assert sorted(body.splitlines()) == sorted(datas)
    assert key.startswith(f"kinesis-channel/{delivered.name}/{channel['ChannelId']}/20")
    assert key.endswith(f"-{channel['ChannelId'][:8]}-0000000001{extension}")
    delivered.put([b'{"last": 1}\n'])
    delivered.delivered()
    assert sorted(b"".join(delivered.objects().values()).splitlines()) == sorted([*datas, b'{"last": 1}'])


def test_what_is_no_json_goes_to_the_dead_letters_with_the_reason(delivered: DeliveredStream) -> None:
    channel = delivered.channel(logs=True)
    deep = b"[" * 50_000 + b"]" * 50_000  # CPython 3.13 reads 9,000
    delivered.put([b"{}", b"{", b"\xff", deep])
    delivered.delivered()
    assert list(delivered.objects().values()) == [b"{}\n"]
    ((key, body),) = delivered.objects(errors=True).items()
    assert key.startswith(f"kinesis-channel/errors/{delivered.name}/{channel['ChannelId']}/20")
    letters = [json.loads(line) for line in body.splitlines()]
    assert sorted(base64.b64decode(letter["data"]) for letter in letters) == sorted([b"{", b"\xff", deep])
    assert {letter["errorCode"] for letter in letters} == {"InvalidJson"}
    assert all(letter["sequenceNumber"] and letter["streamArn"] == delivered.arn for letter in letters)
    told = delivered.status()
    assert (told["records_delivered"], told["records_set_aside"], told["place"]) == (
        4,
        3,
        f"s3://{delivered.name}/",
    )
    assert told["last_set_aside_place"] == f"s3://{delivered.name}/{key}"
    assert told["last_set_aside_place"].startswith(told["set_aside_to"])
    assert told["last_place"] == f"s3://{delivered.name}/{next(iter(delivered.objects()))}"
    place = channel["LoggingConfiguration"]["CloudWatchLogs"]

    def logged() -> list[dict[str, str]]:
        try:
            found: list[dict[str, str]] = delivered.logs.get_log_events(
                logGroupName=place["LogGroupName"], logStreamName=place["LogStreamName"]
            )["events"]
        except ClientError:
            return []
        return found

    assert json.loads(awaited(logged)[0]["message"])["errorCode"] == "DeadLetters"


@pytest.mark.parametrize(
    "datas",
    [
        [b"1 2", b'{"a":', b"1}"],
        [b'{"a":', b"1}"],
        [b"[1", b",2]", b"3 4"],
        [b"", b"1 2"],
        [b"1", b"\r2"],
        [b'"\xc3', b'\xa9"'],
    ],
    ids=["as many values", "one value", "as many lines", "empty", "space", "half a character"],
)
def test_what_would_be_json_together_is_not_taken_for_json_each(datas: list[bytes]) -> None:
    check = FORMAT_CHECKS["JSON"]
    with suppress(*INVALID):  # as good as a no
        assert not check.are_fine(b"\n".join([*datas, b""]), len(datas))
    assert check.are_fine(b'{"a": 1}\n[2]\n"\xc3\xa9"\n', 3)


def test_strings_are_lines_and_must_be_utf8(delivered: DeliveredStream) -> None:
    delivered.channel("STRING")
    delivered.put(["größer".encode(), b"\xff"])
    delivered.delivered()
    assert list(delivered.objects().values()) == ["größer\n".encode()]
    assert len(delivered.objects(errors=True)) == 1


def test_bytes_are_taken_as_they_are(delivered: DeliveredStream) -> None:
    delivered.channel("BYTE_ARRAY")
    delivered.put([b"\xff\x00"] * 3)
    delivered.delivered()
    assert list(delivered.objects().values()) == [b"\xff\x00" * 3]


def test_keys_follow_the_template_and_objects_the_storage_class(delivered: DeliveredStream) -> None:
    channel = delivered.channel(
        OutputKeyTemplate="in/!{stream-name}/y=!{yyyy}/m=!{MM}/!{yy}!{dd}!{HH}!{mm}!{extension:.txt}",
        StorageClass="GLACIER_IR",
    )
    delivered.put([b"1"])
    delivered.delivered()
    (key,) = delivered.objects()
    assert key.startswith(f"in/{delivered.name}/y=20")
    assert key.endswith(f"-{channel['ChannelId'][:8]}-0000000001.txt")
    head = delivered.s3.head_object(Bucket=delivered.name, Key=key)
    assert head["StorageClass"] == "GLACIER_IR"


def test_records_of_all_shards_come_through_a_reshard(delivered: DeliveredStream) -> None:
    delivered.channel()
    delivered.put([b'"before"'] * 20)
    kinesis = delivered.kinesis
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    kinesis.update_stream_warm_throughput(StreamARN=delivered.arn, WarmThroughputMiBps=8)
    wait_until(lambda: delivered.summary()["OpenShardCount"] > 4)
    delivered.put([b'"after"'] * 20)
    delivered.delivered()
    lines = b"".join(delivered.objects().values()).splitlines()
    assert sorted(lines) == [b'"after"'] * 20 + [b'"before"'] * 20


def test_a_bucket_that_is_gone_keeps_the_records_waiting(delivered: DeliveredStream) -> None:
    delivered.channel()
    delivered.s3.delete_bucket(Bucket=delivered.name)
    delivered.put([b"1"])
    delivered.gathered()
    delivered.server.clock.advance(seconds=301)
    wait_until(lambda: delivered.status()["last_error"])
    assert delivered.status()["records_behind"] == 1
    delivered.s3.create_bucket(Bucket=delivered.name)
    delivered.server.clock.advance(seconds=120)
    wait_until(lambda: delivered.status()["records_behind"] == 0)
    assert list(delivered.objects().values()) == [b"1\n"]


def test_a_deleted_channel_delivers_nothing_more(delivered: DeliveredStream) -> None:
    channel = delivered.channel()
    delivered.put([b"1"])
    delivered.gathered()
    delivered.kinesis.delete_channel(ChannelARN=channel["ChannelARN"])
    wait_until(lambda: delivered.is_gone(channel))
    delivered.server.clock.advance(seconds=301)
    assert delivered.objects() == {}
    delivered.kinesis.delete_stream(StreamName=delivered.name)
