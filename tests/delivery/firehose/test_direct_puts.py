"""Direct puts arrive in a bucket: by size, by age, compressed, by real readers."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import cramjam
import pytest
from botocore.exceptions import ClientError

from headwater.testing import Headwater
from tests.delivery.firehose.conftest import ROLE, Bucket, Create, Put, processing
from tests.neighbours.conftest import ClientOf
from tests.waiting import awaited, wait_until


def test_records_that_were_put_are_in_one_object_in_their_order(
    create: Create, put: Put, bucket: Bucket, firehose: Any
) -> None:
    name = create()
    answer = firehose.put_record(DeliveryStreamName=name, Record={"Data": b"first "})
    assert answer["Encrypted"] is False
    assert answer["RecordId"]
    put(name, b"second ", b"", b"third")
    ((key, body),) = bucket.arrived().items()
    assert body == b"first second third"
    assert f"/{name}-1-" in key
    assert bucket.head(key)["ContentType"] == "application/octet-stream"


def test_a_full_buffer_is_delivered_before_its_time(
    create: Create, put: Put, bucket: Bucket, headwater: Headwater
) -> None:
    name = create(BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900})
    put(name, *[b"x" * 100_000] * 11)
    awaited(bucket.keys)
    assert sum(map(len, bucket.objects().values())) >= 1024 * 1024


def unzipped(body: bytes) -> bytes:
    archive = zipfile.ZipFile(io.BytesIO(body))
    (only,) = archive.namelist()
    return archive.read(only)


def hadoop_unpacked(body: bytes) -> bytes:
    found = b""
    while body:
        length, size = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
        block = bytes(cramjam.snappy.decompress_raw(body[8 : 8 + size]))
        assert len(block) == length
        found, body = found + block, body[8 + size :]
    return found


@pytest.mark.parametrize(
    ("compression", "extension", "unpack"),
    [
        ("GZIP", ".gz", gzip.decompress),
        ("ZIP", ".zip", unzipped),
        ("Snappy", ".snappy", lambda body: bytes(cramjam.snappy.decompress(body))),
        ("HADOOP_SNAPPY", ".hsnappy", hadoop_unpacked),
    ],
)
def test_an_object_is_compressed_and_says_so_by_its_name(
    create: Create,
    put: Put,
    bucket: Bucket,
    compression: str,
    extension: str,
    unpack: Callable[[bytes], bytes],
) -> None:
    datas = [b'{"number": %d}\n' % number for number in range(1000)]
    put(create(CompressionFormat=compression), *datas)
    ((key, body),) = bucket.arrived().items()
    assert key.endswith(extension)
    assert unpack(body) == b"".join(datas)


def test_extension_time_zone_and_prefix_are_the_destinations(
    create: Create, put: Put, bucket: Bucket
) -> None:
    name = create(
        Prefix="p/!{timestamp:'zone='VV}/",
        ErrorOutputPrefix="e/!{firehose:error-output-type}/",
        FileExtension=".json",
        CustomTimeZone="Asia/Tokyo",
    )
    put(name, b"{}")
    (key,) = bucket.arrived()
    assert key.startswith(f"p/zone=Asia/Tokyo/{name}-1-")
    assert key.endswith(".json")


def test_a_delimiter_is_appended_to_each_record(create: Create, put: Put, bucket: Bucket) -> None:
    put(
        create(ProcessingConfiguration=processing(("AppendDelimiterToRecord", {"Delimiter": "\\n"}))),
        b"a",
        b"b",
    )
    assert list(bucket.arrived().values()) == [b"a\nb\n"]


def test_source_records_are_backed_up_in_a_place_of_their_own(
    create: Create, put: Put, bucket: Bucket
) -> None:
    backup = {"RoleARN": ROLE, "BucketARN": bucket.arn, "Prefix": "backup/", "CompressionFormat": "GZIP"}
    name = create(
        Prefix="done/",
        S3BackupMode="Enabled",
        S3BackupConfiguration=backup,
        ProcessingConfiguration=processing(("AppendDelimiterToRecord", {})),
    )
    put(name, b"a", b"b")
    bucket.arrived(2)
    assert list(bucket.objects("done/").values()) == [b"a\nb\n"]
    ((key, body),) = bucket.objects("backup/").items()
    assert key.endswith(".gz")
    assert gzip.decompress(body) == b"ab"


def test_an_update_takes_effect_and_counts_the_version_up(
    create: Create, put: Put, bucket: Bucket, firehose: Any
) -> None:
    name = create(Prefix="before/")
    put(name, b"1")
    bucket.arrived(prefix="before/")
    update = {
        "DeliveryStreamName": name,
        "CurrentDeliveryStreamVersionId": "1",
        "DestinationId": "destinationId-000000000001",
        "ExtendedS3DestinationUpdate": {"Prefix": "after/"},
    }
    firehose.update_destination(**update)
    described = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    assert described["VersionId"] == "2"
    assert described["LastUpdateTimestamp"] >= described["CreateTimestamp"]
    put(name, b"2")
    (key,) = bucket.arrived(prefix="after/")
    assert f"/{name}-2-" in key
    with pytest.raises(ClientError, match="current version id: 2 and specified version id: 1") as refused:
        firehose.update_destination(**update)
    assert refused.value.response["Error"]["Code"] == "ConcurrentModificationException"


def test_a_bucket_that_is_missing_is_waited_for_and_told_of(
    client_of: ClientOf, firehose: Any, headwater: Headwater
) -> None:
    logs, s3, name = client_of("logs"), client_of("s3"), "waits-for-its-bucket"
    logs.create_log_group(logGroupName="firehose-errors")
    logs.create_log_stream(logGroupName="firehose-errors", logStreamName="S3Delivery")
    options = {"Enabled": True, "LogGroupName": "firehose-errors", "LogStreamName": "S3Delivery"}
    destination = {
        "RoleARN": ROLE,
        "BucketARN": f"arn:aws:s3:::{name}",
        "CloudWatchLoggingOptions": options,
    }
    firehose.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination)
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"kept"})

    def told() -> list[str]:
        headwater.clock.advance(minutes=10)
        events = logs.get_log_events(logGroupName="firehose-errors", logStreamName="S3Delivery")["events"]
        return [event["message"] for event in events]

    assert '"errorCode":"S3.NoSuchBucket"' in awaited(told)[0]
    s3.create_bucket(Bucket=name)
    found = Bucket(headwater, s3, name).arrived()
    assert list(found.values()) == [b"kept"]


def test_what_was_delivered_is_counted_and_nothing_is_behind(
    create: Create, put: Put, bucket: Bucket, headwater: Headwater
) -> None:
    name = create()
    put(name, *[b"12345"] * 100)
    bucket.arrived()

    def status() -> dict[str, Any]:
        with urlopen(f"{headwater.endpoint_url}/_headwater/deliveries") as answer:
            deliveries: list[dict[str, Any]] = json.load(answer)["deliveries"]
        return next(each for each in deliveries if f"/{name}/" in each["id"])

    wait_until(lambda: status()["records_behind"] == 0 and status()["records_delivered"] == 100)
    shown = status()
    assert (shown["bytes_delivered"], shown["batches_delivered"], shown["failed_attempts"]) == (500, 1, 0)
    with urlopen(f"{headwater.endpoint_url}/_headwater/metrics") as answer:
        page = answer.read().decode()
    assert f'headwater_delivery_batches_total{{delivery="{shown["id"]}"}} 1.0' in page
