"""What many operations refuse in the same words: wrong names, absent streams, streams that are busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

OTHER_ACCOUNT_ID = "999999999999"
NOT_ACTIVE = ("CREATING", "UPDATING", "DELETING")
NO_ACCOUNT = ("UnrecognizedClientException", "No account found for the given parameters")
"""The refusal of an ARN whose account has nothing here."""
Reference = Callable[[str], dict[str, str]]
"""From the ARN of the stream `orders` to the members that name a stream."""


def refusal(call: Callable[..., Any], **members: Any) -> tuple[str, str]:
    """The code and the text of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def invalid(constraint: str) -> tuple[str, str]:
    """The refusal of one broken constraint of the API model."""
    return "ValidationException", f"1 validation error detected: {constraint}"


def required(member: str) -> tuple[str, str]:
    """The refusal of a request that lacks a member."""
    return invalid(f"Value null at '{member}' failed to satisfy constraint: Member must not be null")


def absent(name: str, account_id: str) -> tuple[str, str]:
    """The refusal of a stream that is not there."""
    return "ResourceNotFoundException", f"Stream {name} under account {account_id} not found."


def busy(state: str, account_id: str) -> tuple[str, str]:
    """The refusal of the stream `orders` in a state that is not ACTIVE."""
    text = f"Stream orders under account {account_id} not ACTIVE, instead in state {state}"
    return "ResourceInUseException", text


def put_in_state(kinesis: Any, settle: Callable[[], None], state: str) -> str:
    """Create the stream `orders` and bring it into a state; returns its ARN."""
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    if state != "CREATING":
        settle()
    if state == "UPDATING":
        kinesis.update_shard_count(StreamName="orders", TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    if state == "DELETING":
        kinesis.delete_stream(StreamName="orders")
    summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    assert summary["StreamStatus"] == state
    arn: str = summary["StreamARN"]
    return arn


def account_of(arn: str) -> str:
    """The account in an ARN."""
    return arn.split(":")[4]


def in_other_region(arn: str) -> str:
    """The ARN of a resource of the same name elsewhere."""
    return arn.replace("eu-west-1", "us-west-2")


def in_other_account(arn: str) -> str:
    """The ARN of somebody else's resource of the same name."""
    return arn.replace(account_of(arn), OTHER_ACCOUNT_ID)


NAMED = [
    pytest.param(lambda arn: {"StreamName": "orders"}, id="by name"),
    pytest.param(lambda arn: {"StreamARN": arn}, id="by ARN"),
    pytest.param(lambda arn: {"StreamName": "orders", "StreamARN": arn}, id="by both"),
]
"""The ways to name the stream `orders`."""

WRONG_ARN = [
    pytest.param(
        lambda arn: f"{arn}-not",
        lambda arn: absent("orders-not", account_of(arn)),
        id="ARN of no stream",
    ),
    pytest.param(
        in_other_region,
        lambda arn: absent("orders", account_of(arn)),
        id="ARN of another region",
    ),
    pytest.param(
        in_other_account,
        lambda arn: NO_ACCOUNT,
        id="ARN of another account",
    ),
    pytest.param(
        lambda arn: f"{arn}/consumer/reader:1795000000",
        lambda arn: (
            "InvalidArgumentException",
            f"{arn}/consumer/reader:1795000000 is not the ARN of a stream.",
        ),
        id="ARN of a consumer",
    ),
    pytest.param(
        lambda arn: "orders",
        lambda arn: invalid(
            "Value 'orders' at 'streamARN' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+"
        ),
        id="no ARN",
    ),
]
"""From the ARN of `orders` to a wrong StreamARN, and to its refusal."""

MISNAMED = [
    pytest.param(lambda arn: {}, lambda arn: required("streamName"), id="neither name nor ARN"),
    pytest.param(
        lambda arn: {"StreamName": "invoices", "StreamARN": arn},
        lambda arn: (
            "InvalidArgumentException",
            f"StreamName invoices and StreamARN {arn} do not name the same stream.",
        ),
        id="contradiction",
    ),
    pytest.param(
        lambda arn: {"StreamName": "invoices"},
        lambda arn: absent("invoices", account_of(arn)),
        id="name of no stream",
    ),
    pytest.param(
        lambda arn: {"StreamName": "or ders"},
        lambda arn: invalid(
            "Value 'or ders' at 'streamName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        ),
        id="no name",
    ),
    *(
        pytest.param(lambda arn, wrong=case.values[0]: {"StreamARN": wrong(arn)}, case.values[1], id=case.id)
        for case in WRONG_ARN
    ),
]
"""From the ARN of `orders` to members that name no stream of the caller, and to their refusal."""

WRONG_RESOURCE_ARN = [
    pytest.param(
        lambda arn: f"{arn}-not",
        lambda arn: absent("orders-not", account_of(arn)),
        id="no stream",
    ),
    pytest.param(
        in_other_region,
        lambda arn: absent("orders", account_of(arn)),
        id="stream of another region",
    ),
    pytest.param(
        in_other_account,
        lambda arn: NO_ACCOUNT,
        id="stream of another account",
    ),
    pytest.param(
        lambda arn: f"{arn}/consumer/reader:1795000000",
        lambda arn: (
            "ResourceNotFoundException",
            f"Consumer {arn}/consumer/reader:1795000000 not found.",
        ),
        id="no consumer",
    ),
    pytest.param(
        lambda arn: f"{arn}-not/consumer/reader:1795000000",
        lambda arn: absent("orders-not", account_of(arn)),
        id="consumer of no stream",
    ),
    pytest.param(
        lambda arn: in_other_account(arn) + "/consumer/reader:1795000000",
        lambda arn: NO_ACCOUNT,
        id="consumer of another account",
    ),
    pytest.param(
        lambda arn: f"{arn}/consumer/reader",
        lambda arn: ("InvalidArgumentException", f"{arn}/consumer/reader is not the ARN of a consumer."),
        id="consumer without its creation time",
    ),
    pytest.param(
        lambda arn: arn.replace("stream/", "queue/"),
        lambda arn: (
            "ResourceNotFoundException",
            f"Queue {arn.replace('stream/', 'queue/')} not found.",
        ),
        id="no queue",
    ),
    pytest.param(
        lambda arn: "orders",
        lambda arn: invalid(
            "Value 'orders' at 'resourceARN' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: "
            r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+"
        ),
        id="no ARN",
    ),
]
"""From the ARN of `orders` to a wrong ResourceARN, and to its refusal."""

WRONG_POLICY_ARN = [
    pytest.param(
        in_other_region,
        lambda arn: (
            "InvalidArgumentException",
            f"The region specified in the ARN '{in_other_region(arn)}' does not match the endpoint region",
        ),
        id=case.id,
    )
    if case.id == "stream of another region"
    else case
    for case in WRONG_RESOURCE_ARN
]
"""The same where the ARN is that of a policy's resource."""
