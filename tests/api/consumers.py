"""Consumers of the stream `orders`, and the ways to name one wrongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.refusals import NO_ACCOUNT, absent, account_of, in_other_account, invalid

INSUFFICIENT = (
    "InvalidArgumentException",
    "Either the ConsumerARN, or the StreamARN and the ConsumerName must be specified.",
)


def active_consumer(
    kinesis: Any, settle: Callable[[], None], stream_arn: str, name: str = "reader", **more: Any
) -> str:
    """Register a consumer and let it become ACTIVE; returns its ARN."""
    answer = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName=name, **more)
    settle()
    arn: str = answer["Consumer"]["ConsumerARN"]
    return arn


def status_of(kinesis: Any, consumer_arn: str) -> str:
    """The state of a consumer."""
    status: str = kinesis.describe_stream_consumer(ConsumerARN=consumer_arn)["ConsumerDescription"][
        "ConsumerStatus"
    ]
    return status


def inactive(consumer_arn: str) -> tuple[str, str]:
    """The refusal of the consumer `reader` in a state that is not ACTIVE."""
    created_s = consumer_arn.rpartition(":")[2]
    return "ResourceInUseException", (
        f"Consumer reader with creation timestamp {created_s} under stream orders "
        f"and account {account_of(consumer_arn)} is not in ACTIVE status."
    )


def _contradiction(consumer_arn: str) -> tuple[str, str]:
    return (
        "InvalidArgumentException",
        f"The ConsumerARN {consumer_arn} contradicts the StreamARN or the ConsumerName.",
    )


def _stream_of(consumer_arn: str) -> str:
    return consumer_arn.partition("/consumer/")[0]


NAMED = [
    pytest.param(lambda arn: {"ConsumerARN": arn}, id="by its ARN"),
    pytest.param(
        lambda arn: {"StreamARN": _stream_of(arn), "ConsumerName": "reader"}, id="by stream ARN and name"
    ),
    pytest.param(
        lambda arn: {"StreamARN": _stream_of(arn), "ConsumerName": "reader", "ConsumerARN": arn},
        id="by all three",
    ),
]
"""From the ARN of the consumer `reader` to the ways to name it."""

MISNAMED = [
    pytest.param(lambda arn: {}, lambda arn: INSUFFICIENT, id="nothing"),
    pytest.param(lambda arn: {"StreamARN": _stream_of(arn)}, lambda arn: INSUFFICIENT, id="stream only"),
    pytest.param(lambda arn: {"ConsumerName": "reader"}, lambda arn: INSUFFICIENT, id="name only"),
    pytest.param(
        lambda arn: {"ConsumerARN": arn, "ConsumerName": "writer"},
        _contradiction,
        id="contradicting name",
    ),
    pytest.param(
        lambda arn: {"ConsumerARN": arn, "StreamARN": f"{_stream_of(arn)}-not"},
        _contradiction,
        id="contradicting stream",
    ),
    pytest.param(
        lambda arn: {"StreamARN": _stream_of(arn), "ConsumerName": "writer"},
        lambda arn: (
            "ResourceNotFoundException",
            f"Consumer under stream {_stream_of(arn)} with name writer not found.",
        ),
        id="name of no consumer",
    ),
    pytest.param(
        lambda arn: {"StreamARN": f"{_stream_of(arn)}-not", "ConsumerName": "reader"},
        lambda arn: absent("orders-not", account_of(arn)),
        id="ARN of no stream",
    ),
    pytest.param(
        lambda arn: {"ConsumerARN": f"{arn}0"},
        lambda arn: ("ResourceNotFoundException", f"Consumer {arn}0 not found."),
        id="another creation time",
    ),
    pytest.param(
        lambda arn: {"ConsumerARN": in_other_account(arn)},
        lambda arn: NO_ACCOUNT,
        id="ARN of another account",
    ),
    pytest.param(
        lambda arn: {"ConsumerARN": _stream_of(arn)},
        lambda arn: invalid(
            f"Value '{_stream_of(arn)}' at 'consumerARN' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: "
            r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+"
        ),
        id="ARN of a stream",
    ),
]
"""From the ARN of the consumer `reader` to members that name none, and to their refusal."""
