"""Names of streams and consumers."""

from __future__ import annotations

import pytest

from headwater.model.arn import (
    ConsumerName,
    StreamName,
    consumer_arn,
    parse_consumer_arn,
    parse_stream_arn,
    stream_arn,
)

ORDERS = StreamName("123456789012", "eu-west-1", "orders")
ORDERS_ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-east-1", "aws"),
        ("eu-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("us-isof-south-1", "aws-iso-f"),
        ("eusc-de-east-1", "aws-eusc"),
        ("somewhere", "aws"),
    ],
)
def test_the_partition_follows_the_region(region: str, partition: str) -> None:
    name = StreamName("123456789012", region, "orders")
    arn = stream_arn(name)
    assert arn == f"arn:{partition}:kinesis:{region}:123456789012:stream/orders"
    assert parse_stream_arn(arn) == name


@pytest.mark.parametrize("name", ["o", "Orders_2.0-new", "x" * 128])
def test_an_arn_tells_the_stream(name: str) -> None:
    named = StreamName("000000000000", "us-east-1", name)
    assert parse_stream_arn(stream_arn(named)) == named


@pytest.mark.parametrize(
    "text",
    [
        "",
        "orders",
        f"{ORDERS_ARN}/consumer/app:1700000000",
        f"{ORDERS_ARN}\n",
        f" {ORDERS_ARN}",
        ORDERS_ARN.replace("123456789012", "12345678901"),
        ORDERS_ARN.replace("123456789012", "١٢٣٤٥٦٧٨٩٠١٢"),  # digits, but not ASCII's
        ORDERS_ARN.replace("orders", ""),
        ORDERS_ARN.replace("orders", "x" * 129),
        ORDERS_ARN.replace("stream/", "queue/"),
        ORDERS_ARN.replace("kinesis", "firehose"),
        ORDERS_ARN.replace("arn:aws", "arn:other"),
    ],
)
def test_other_text_names_no_stream(text: str) -> None:
    assert parse_stream_arn(text) is None


def test_a_consumers_arn_tells_its_stream_its_name_and_its_creation() -> None:
    arn = consumer_arn(ORDERS, "app", 1_700_000_000)
    assert arn == f"{ORDERS_ARN}/consumer/app:1700000000"
    assert parse_consumer_arn(arn) == ConsumerName(ORDERS, "app", 1_700_000_000)


@pytest.mark.parametrize(
    "text",
    [
        ORDERS_ARN,
        f"{ORDERS_ARN}/consumer/app",
        f"{ORDERS_ARN}/consumer/app:",
        f"{ORDERS_ARN}/consumer/:1",
        f"{ORDERS_ARN}/consumer/app:now",
        f"{ORDERS_ARN}/consumer/{'x' * 129}:1",
        f"{ORDERS_ARN}/consumer/app:1\n",
    ],
)
def test_other_text_names_no_consumer(text: str) -> None:
    assert parse_consumer_arn(text) is None
