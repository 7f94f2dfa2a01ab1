"""Targets of EventBridge's rules: streams, functions and delivery streams of Headwater's, queues and topics.

Rules:
- a target's retry policy ends what a stream refuses; without `MaximumRetryAttempts` only the age counts,
  since pauses are shorter here than at AWS;
- an event that a target does not get goes to its dead-letter queue as it came, with the attributes that the
  user guide names.

Mended in moto's:
- a stream or function was accepted as a target, and then every matching event failed; a target that nothing
  here delivers to is refused when it is put;
- `Input` and `InputPath` were overlooked, an event's time was a number, its account missing;
- the name of a bus in a template was the bus itself;
- a disabled rule, and one that has a schedule only, took every event.

Refuses to know how records reach a stream.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from time import time
from typing import Any, cast

from moto.events.exceptions import ValidationException
from moto.events.models import EventBus, EventsBackend, Rule
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from headwater.model.caller import Caller
from headwater.neighbours.calls.current import CURRENT_SERVER
from headwater.neighbours.calls.lambda_ import CallRefused
from headwater.neighbours.calls.model_checks import broken_constraints
from headwater.neighbours.delivery.json_path import MISSING, PathInvalid, steps_of, value_at
from headwater.neighbours.delivery.outbox import (
    AGE,
    PATIENCE_MS,
    RETRIES,
    DeadLetterTarget,
    OutgoingRecord,
    Terms,
)
from headwater.neighbours.events.dead_letters import bury
from headwater.neighbours.events.target_input import input_of

DISABLED = "DISABLED"
PARTITION_KEY_CHARACTERS_MAX = 256
OF_MOTO = ("logs", "events")
"""Services that moto delivers to."""

Document = dict[str, Any]

_send: Callable[..., Any] = Rule.send_to_targets
_put: Callable[..., Any] = EventsBackend.put_targets


class TargetRefused(NotImplementedError):
    """Nothing here delivers to a target."""


def put_targets(
    backend: EventsBackend, name: str, event_bus_arn: str | None, targets: list[Document]
) -> None:
    """PutTargets, of those that can be delivered to.

    Raises `TargetRefused`, and ValidationException as EventBridge does.
    """
    broken = broken_constraints("events", "PutTargets", {"Rule": name, "Targets": targets})
    if broken is not None:
        raise ValidationException(broken)
    for target in targets:
        service = _service(target["Arn"])
        if service and service not in (*OF_MOTO, *DELIVERIES):
            known = ", ".join(sorted((*OF_MOTO, *DELIVERIES)))
            raise TargetRefused(
                f"nothing delivers events to {service} ({target['Arn']}); targets are {known}"
            )
    _put(backend, name, event_bus_arn, targets)


def send_to_targets(rule: Rule, original_event: Document, transform_input: bool = True) -> None:
    """Send an event to the targets of a rule that matches it."""
    pattern = rule.event_pattern
    if (
        rule.state == DISABLED
        or not pattern.get_pattern()
        or not pattern.matches_event(cast("Any", original_event))
    ):
        return
    others = [target for target in rule.targets if _service(target["Arn"]) not in DELIVERIES]
    if others:
        rest = copy.copy(rule)
        rest.targets = others
        _send(rest, original_event, transform_input)
    event = _as_sent(original_event)
    for target in rule.targets:
        deliver = DELIVERIES.get(_service(target["Arn"]))
        if deliver is None:
            continue
        try:
            deliver(rule, target, event, input_of(target, event, _built_in(rule, event)))
        except Exception as error:  # noqa: BLE001 - an event is accepted, whatever becomes of it at a target
            _undelivered(rule, target, event, type(error).__name__, str(error))


def _service(arn: str) -> str:
    return (arn.split(":") + [""] * 3)[2]


def _as_sent(event: Document) -> Document:
    """An event as its targets see it."""
    when = event["time"]
    if isinstance(when, int | float):
        when = datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    known = ("id", "detail-type", "source", "account")
    return {
        "version": "0",
        **{name: event[name] for name in known},
        "time": when,
        **{name: event[name] for name in ("region", "resources", "detail")},
    }


def _built_in(rule: Rule, event: Document) -> Document:
    return {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": event,
    }


def _to_stream(rule: Rule, target: Document, event: Document, text: str) -> None:
    key = event["id"]
    path = (target.get("KinesisParameters") or {}).get("PartitionKeyPath")
    if path:
        found = value_at(event, steps_of(path))
        if found is MISSING or found == "":
            raise PathInvalid(f"the event has no {path}")
        key = found if isinstance(found, str) else json.dumps(found)
    record = OutgoingRecord(
        target["Arn"],
        key[:PARTITION_KEY_CHARACTERS_MAX],
        text.encode(),
        int(time() * 1000),
        _terms(rule, target, event),
    )
    CURRENT_SERVER.get().outbox.put(f"{rule.arn} target {target['Id']}", [record])


def _terms(rule: Rule, target: Document, event: Document) -> Terms:
    policy = target.get("RetryPolicy") or {}
    age_s = policy.get(AGE)
    return Terms(
        PATIENCE_MS if age_s is None else int(age_s) * 1000,
        policy.get(RETRIES),
        ends_with_stream=True,
        dead_letters=_dead_letters(rule, target, event),
    )


def _dead_letters(rule: Rule, target: Document, event: Document) -> DeadLetterTarget | None:
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if queue is None:
        return None
    return DeadLetterTarget(queue, json.dumps(event), (("RULE_ARN", rule.arn), ("TARGET_ARN", target["Arn"])))


def _to_function(rule: Rule, target: Document, event: Document, text: str) -> None:
    caller = Caller(rule.account_id, rule.region_name)
    members = {"FunctionName": target["Arn"], "InvocationType": "Event", "Payload": text.encode()}
    try:
        CURRENT_SERVER.get().lambda_.call(caller, "Invoke", members)
    except CallRefused as error:
        _undelivered(rule, target, event, error.code, error.message)


def _to_delivery_stream(rule: Rule, target: Document, event: Document, text: str) -> None:
    try:
        CURRENT_SERVER.get().firehose.put(target["Arn"], text.encode())
    except CallRefused as error:
        _undelivered(rule, target, event, error.code, error.message)


def _to_queue(_rule: Rule, target: Document, event: Document, text: str) -> None:
    _, _, _, region, account_id, name = target["Arn"].split(":", 5)
    group_id = (target.get("SqsParameters") or {}).get("MessageGroupId")
    in_order = {} if group_id is None else {"group_id": group_id, "deduplication_id": event["id"]}
    sqs_backends[account_id][region].send_message(name, text, **in_order)


def _to_topic(_rule: Rule, target: Document, _event: Document, text: str) -> None:
    _, _, _, region, account_id, _ = target["Arn"].split(":", 5)
    sns_backends[account_id][region].publish(message=text, arn=target["Arn"])


def _undelivered(rule: Rule, target: Document, event: Document, code: str, message: str) -> None:
    """A target did not get this: it goes to the queue that it names, if it names one that is there."""
    letters = _dead_letters(rule, target, event)
    if letters is not None:
        with suppress(Exception):  # the event is accepted, as at AWS, where a metric counts what is lost
            bury(letters, {"ERROR_CODE": code, "ERROR_MESSAGE": message, "RETRY_ATTEMPTS": "0"})


DELIVERIES: dict[str, Callable[[Rule, Document, Document, str], None]] = {
    "firehose": _to_delivery_stream,
    "kinesis": _to_stream,
    "lambda": _to_function,
    "sns": _to_topic,
    "sqs": _to_queue,
}
"""For a service: what delivers to it."""

MENDED: tuple[tuple[Any, str, Any], ...] = (
    (EventsBackend, "put_targets", put_targets),
    (Rule, "send_to_targets", send_to_targets),
    (EventBus, "physical_resource_id", property(lambda bus: bus.name)),
)
"""Where, what, and what takes its place."""


def install() -> None:
    """Put it in."""
    for owner, name, replacement in MENDED:
        setattr(owner, name, replacement)
