"""Messages to real queues, topics and buckets of another server, and to streams of this one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from headwater.lambda_.functions.destination import DestinationFailed, DestinationMessage
from headwater.lambda_.mappings.destination_sender import DestinationSender
from headwater.model.clock import SystemClock
from headwater.wire.signature_v4 import Key
from tests.lambda_.mapped_stream import STREAM, STREAM_ARN, in_loop, mapped_stream

REGION = "eu-central-1"
KEY = Key("test", "test", None)
BODY = json.dumps({"text": 'ä "quoted" & more'}).encode()


@pytest.fixture(scope="module")
def neighbour_url() -> Iterator[str]:
    """A server for SQS, SNS and S3."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - every worker would import it

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def client_of(service: str, url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


async def deliver(arn: str, url: str) -> None:
    async with mapped_stream() as mapped:
        sender = DestinationSender(mapped.engine, SystemClock(), lambda: url, KEY)
        await sender.send(DestinationMessage(arn, BODY, "aws/lambda/id/shardId-0/then-id", "shardId-0"))


def test_a_queue_gets_the_message(neighbour_url: str) -> None:
    sqs = client_of("sqs", neighbour_url)
    queue_url = sqs.create_queue(QueueName="failures")["QueueUrl"]
    asyncio.run(deliver(f"arn:aws:sqs:{REGION}:123456789012:failures", neighbour_url))
    (message,) = sqs.receive_message(QueueUrl=queue_url)["Messages"]
    assert message["Body"].encode() == BODY


def test_a_topic_gets_the_message(neighbour_url: str) -> None:
    sqs, sns = client_of("sqs", neighbour_url), client_of("sns", neighbour_url)
    queue_url = sqs.create_queue(QueueName="subscribed")["QueueUrl"]
    topic_arn = sns.create_topic(Name="failures")["TopicArn"]
    queue_arn = f"arn:aws:sqs:{REGION}:123456789012:subscribed"
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)
    asyncio.run(deliver(topic_arn, neighbour_url))
    (message,) = sqs.receive_message(QueueUrl=queue_url)["Messages"]
    assert json.loads(message["Body"])["Message"].encode() == BODY


def test_a_bucket_gets_an_object(neighbour_url: str) -> None:
    s3 = client_of("s3", neighbour_url)
    s3.create_bucket(Bucket="failures", CreateBucketConfiguration={"LocationConstraint": REGION})
    asyncio.run(deliver("arn:aws:s3:::failures", neighbour_url))
    found = s3.get_object(Bucket="failures", Key="aws/lambda/id/shardId-0/then-id")
    assert found["Body"].read() == BODY
    assert found["ContentType"] == "application/json"


@in_loop
async def test_a_stream_gets_a_record() -> None:
    async with mapped_stream() as mapped:
        await mapped.map()
        sender = DestinationSender(mapped.engine, SystemClock(), lambda: "", KEY)
        await sender.send(DestinationMessage(STREAM_ARN, BODY, "", "shardId-0"))
        await mapped.settle()
        record = mapped.functions.events[0]["Records"][0]["kinesis"]
        assert record["partitionKey"] == "shardId-0"
        with pytest.raises(DestinationFailed, match="not found"):
            await sender.send(
                DestinationMessage(STREAM_ARN.replace(STREAM, "missing"), BODY, "", "shardId-0")
            )


def test_what_cannot_be_delivered_says_why(neighbour_url: str) -> None:
    queue_arn = f"arn:aws:sqs:{REGION}:123456789012:missing"
    with pytest.raises(DestinationFailed, match=f"SQS at {neighbour_url} answered 400"):
        asyncio.run(deliver(queue_arn, neighbour_url))
    with pytest.raises(DestinationFailed, match=f"S3 at {neighbour_url} answered 404"):
        asyncio.run(deliver("arn:aws:s3:::missing", neighbour_url))
    with pytest.raises(DestinationFailed, match="does not answer"):
        asyncio.run(deliver(queue_arn, "http://127.0.0.1:1"))
