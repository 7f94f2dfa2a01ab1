"""How queues and what they hand out look in answers, and how requests word a queue's rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NotRequired, TypedDict

from headwater.api import answers, requests
from headwater.api.descriptions import whole_seconds
from headwater.engine.queue_lifecycle import arn_of_queue
from headwater.engine.queues.handle_refusals import Outcome
from headwater.model.errors import ValidationException
from headwater.model.instant import Instant
from headwater.model.queue import Queue, QueueRules
from headwater.model.stream import Stream


def describe_queue(stream: Stream, queue: Queue) -> answers.QueueDescription:
    """The shape `QueueDescription`."""
    return {
        "QueueName": queue.name,
        "QueueARN": arn_of_queue(stream, queue),
        "QueueStatus": queue.status,
        "QueueCreationTimestamp": whole_seconds(queue.created_ms),
        "StreamConfigurationList": [{"StreamARN": stream.arn, "StartingPosition": _describe_start(queue)}],
        "QueueAttributes": _describe_rules(queue.announced_rules),
    }


def describe_queue_summary(stream: Stream, queue: Queue) -> answers.QueueSummary:
    """The shape `QueueSummary`."""
    created = whole_seconds(stream.created_ms)
    return {
        "QueueName": queue.name,
        "QueueARN": arn_of_queue(stream, queue),
        "QueueStatus": queue.status,
        "QueueCreationTimestamp": whole_seconds(queue.created_ms),
        "Streams": [{"StreamARN": stream.arn, "StreamCreationTimestamp": created}],
    }


def _describe_start(queue: Queue) -> answers.QueueStartingPosition:
    """While the queue is CREATING, as it was asked for; then with the time from about when on."""
    start = queue.start
    time_ms = start.timestamp_ms if start.effective_ms is None else start.effective_ms
    described: answers.QueueStartingPosition = {"Type": start.type}
    if time_ms is not None:
        described["Timestamp"] = Instant(time_ms)
    return described


def _describe_rules(rules: QueueRules) -> answers.QueueAttributes:
    dead_letters: answers.DeadLetterConfiguration = {"TargetType": "NONE"}
    if rules.max_receive_count is not None:
        dead_letters = {"TargetType": "BUILT_IN", "MaxReceiveCount": rules.max_receive_count}
    return {
        "VisibilityTimeoutSeconds": rules.visibility_timeout_s,
        "DeadLetterConfiguration": dead_letters,
    }


def rules_after(rules: QueueRules, attributes: requests.QueueAttributes | None) -> QueueRules:
    """The rules with the attributes that a request gives.

    Raises ValidationException for BUILT_IN without a count.
    """
    if attributes is None:
        return rules
    timeout_s = attributes.VisibilityTimeoutSeconds
    max_receive_count = rules.max_receive_count
    configuration = attributes.DeadLetterConfiguration
    if configuration is not None and configuration.TargetType == "NONE":
        max_receive_count = None
    elif configuration is not None:
        max_receive_count = configuration.MaxReceiveCount
        if max_receive_count is None:
            raise ValidationException("MaxReceiveCount is required when TargetType is BUILT_IN.")
    return QueueRules(
        visibility_timeout_s=rules.visibility_timeout_s if timeout_s is None else timeout_s,
        max_receive_count=max_receive_count,
    )


class ResultEntry(TypedDict):
    """A handle that did what was asked for; one shape by several names in the model."""

    ReceiptHandle: str


class ErrorEntry(TypedDict):
    """A handle that did not."""

    ReceiptHandle: str
    ErrorCode: str
    ErrorMessage: NotRequired[str]


class Outcomes(TypedDict):
    """What came of every handle; one shape by several names, too."""

    Successful: list[ResultEntry]
    Failed: list[ErrorEntry]


def described_outcomes(handles: Sequence[str], outcomes: Mapping[str, Outcome]) -> Outcomes:
    """The entries that did what was asked for, and those that did not; each in the order of the request."""
    if not any(outcomes.values()):
        return {"Successful": [{"ReceiptHandle": handle} for handle in handles], "Failed": []}
    done = [handle for handle in handles if outcomes[handle] is None]
    return {
        "Successful": [{"ReceiptHandle": handle} for handle in done],
        "Failed": _failed(handles, outcomes),
    }


def _failed(handles: Iterable[str], outcomes: Mapping[str, Outcome]) -> list[ErrorEntry]:
    entries: list[ErrorEntry] = []
    for handle in handles:
        refused = outcomes[handle]
        if refused is not None:
            code, message = refused
            entries.append({"ReceiptHandle": handle, "ErrorCode": code, "ErrorMessage": message})
    return entries
