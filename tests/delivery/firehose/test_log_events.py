"""Log events, by a subscription filter, through a delivery stream that unpacks them."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.delivery.firehose.conftest import ROLE, Bucket, Create, processing
from tests.neighbours.conftest import ClientOf

UNPACKED = ("Decompression", {"CompressionFormat": "GZIP"})
MESSAGES = ("CloudWatchLogProcessing", {"DataMessageExtraction": "true"})


def log(client_of: ClientOf, group: str, arn: str, *messages: str) -> None:
    logs: Any = client_of("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    logs.put_subscription_filter(
        logGroupName=group, filterName="all", filterPattern="", destinationArn=arn, roleArn=ROLE
    )
    events = [{"timestamp": int(time.time() * 1000), "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)


def arn_of(firehose: Any, name: str) -> str:
    described = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    arn: str = described["DeliveryStreamARN"]
    return arn


def test_events_arrive_packed_as_logs_send_them(
    create: Create, bucket: Bucket, firehose: Any, client_of: ClientOf
) -> None:
    log(client_of, "packed", arn_of(firehose, create()), "one", "two")
    (body,) = bucket.arrived().values()
    document = json.loads(gzip.decompress(body))
    assert [event["message"] for event in document["logEvents"]] == ["one", "two"]
    assert document["messageType"] == "DATA_MESSAGE"


def test_events_are_unpacked_and_their_messages_are_lines(
    create: Create, bucket: Bucket, firehose: Any, client_of: ClientOf
) -> None:
    name = create(Prefix="done/", ProcessingConfiguration=processing(UNPACKED, MESSAGES))
    log(client_of, "unpacked", arn_of(firehose, name), "one", "two")
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"not gzip"})
    bucket.arrived(2)
    assert list(bucket.objects("done/20").values()) == [b"one\ntwo\n"]
    (line,) = bucket.objects("done/processing-failed/").values()
    assert json.loads(line)["errorCode"] == "Decompression.InvalidCompressedData"


def test_a_filter_cannot_send_to_a_delivery_stream_that_is_not_there(client_of: ClientOf) -> None:
    arn = "arn:aws:firehose:us-east-1:000000000000:deliverystream/none"
    with pytest.raises(ClientError, match="Firehose none under account 000000000000 not found"):
        log(client_of, "to-nothing", arn)
