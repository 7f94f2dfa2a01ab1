"""Queues and channels of stacks: waited for until they are at rest, and until they are gone.

Both are made and deleted by operations that answer before anything is done, and are named alike in them.

Refuses to know what either is made of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from headwater.model.errors import InternalFailureException, ResourceNotFoundException
from headwater.neighbours.calls.waiting import wait_for
from headwater.neighbours.cloudformation.stream_resources import Kinesis

Kind = Literal["Channel", "Queue"]
ACTIVE = frozenset({"ACTIVE"})


def described_at_rest(
    kinesis: Kinesis, kind: Kind, arn: str, states: Collection[str] = ACTIVE
) -> dict[str, Any]:
    """The description, once it has one of the states. Raises InternalFailureException if it comes to none."""

    def look() -> dict[str, Any] | None:
        described: dict[str, Any] = kinesis(f"Describe{kind}", **{f"{kind}ARN": arn})[f"{kind}Description"]
        return described if described[f"{kind}Status"] in states else None

    described = wait_for(look)
    if described is None:
        raise InternalFailureException(f"{arn} did not become ACTIVE.")
    return described


def attributes_of(kind: Kind, described: Mapping[str, Any]) -> dict[str, str]:
    """What a template can ask of one; `described` is what Kinesis says of it."""
    created_ms: int = described[f"{kind}CreationTimestamp"].ms
    return {
        f"{kind}ARN": described[f"{kind}ARN"],
        f"{kind}CreationTimestamp": str(created_ms // 1000),
        f"{kind}Status": described[f"{kind}Status"],
    }


def delete_at_rest(kinesis: Kinesis, kind: Kind, arn: str) -> None:
    """Delete it and wait until it is gone, so that its name is free and its stream can go.

    Raises InternalFailureException if that takes too long.
    """
    named = {f"{kind}ARN": arn}

    def look() -> bool | None:
        try:
            kinesis(f"Describe{kind}", **named)
        except ResourceNotFoundException:
            return True
        return None

    try:
        kinesis(f"Delete{kind}", **named)
    except ResourceNotFoundException:
        return
    if wait_for(look) is None:
        raise InternalFailureException(f"{arn} was not deleted.")
