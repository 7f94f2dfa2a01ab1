"""Calls that moto would accept though nothing then happens to a stream: refused, with the reason.

`REFUSED` is the table. It has what moto's source has about Kinesis, and what takes any ARN as a target and
delivers to none. Everything else of these services is moto's.

Refuses to know what the services do otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from headwater.neighbours.requests import operation_of
from headwater.server.http.exchange import HttpRequest

Document = dict[str, Any]


class RefusedCall(NamedTuple):
    """Calls of one kind, and when they are refused."""

    service: str
    """As in the signature's scope."""
    operation: str
    """A regular expression: the name of an operation, or its method and path."""
    concerns: Callable[[Document], bool]
    """Whether a request's document asks for what nothing here does."""
    reason: str


def _is_stream(arn: Any) -> bool:
    return isinstance(arn, str) and ":kinesis:" in arn


REFUSED = (
    RefusedCall(
        "dms",
        "CreateEndpoint|ModifyEndpoint",
        lambda document: document.get("EngineName") == "kinesis" or bool(document.get("KinesisSettings")),
        "no replication task runs here, so nothing would arrive in the stream.",
    ),
    RefusedCall(
        "iot",
        "(POST|PUT|PATCH) /rules/.*",
        lambda document: any(
            "kinesis" in action
            for action in (document.get("topicRulePayload") or document).get("actions") or ()
        ),
        "no topic rule runs here, so nothing would arrive in the stream.",
    ),
    RefusedCall(
        "scheduler",
        "(POST|PUT) /schedules/.*",
        lambda document: _is_stream((document.get("Target") or {}).get("Arn")),
        "no schedule runs here, so nothing would arrive in the stream.",
    ),
    RefusedCall(
        "mobiletargeting",
        "POST /v1/apps/[^/]+/eventstream",
        lambda document: _is_stream(document.get("DestinationStreamArn")),
        "no events of Pinpoint are made here, so nothing would arrive in the stream.",
    ),
)
"""In the order in which they are looked at."""

_SERVICES = frozenset(refusal.service for refusal in REFUSED)


def refused_reason(request: HttpRequest, service: str) -> str:
    """Why a call is refused; empty when it is not."""
    if service not in _SERVICES:
        return ""
    operation = operation_of(request).partition("?")[0]
    for refusal in REFUSED:
        if refusal.service == service and re.fullmatch(refusal.operation, operation):
            try:
                document = json.loads(request.body or b"{}")
            except ValueError:
                return ""  # which moto refuses
            if isinstance(document, dict) and refusal.concerns(document):
                return refusal.reason
    return ""
