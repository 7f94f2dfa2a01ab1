"""Subscription filters that deliver: to streams, also of another account, functions and delivery streams.

Mended in moto's, which asks Kinesis and Lambda of its own, where there is nothing:
- these are Headwater's; the filter's pattern, distribution and the documented envelope hold;
- a filter that is there already may be changed when there are two.

Rules, from the user guide:
- what is sent is gzip of JSON; when a filter is made, a message of the kind CONTROL_MESSAGE is sent first;
- partition keys are the same for a log stream, or random where the filter says `Random`.

Refuses to know how records reach a stream.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from hashlib import md5
from typing import Any
from uuid import uuid4

from moto.core.utils import unix_time_millis
from moto.logs.exceptions import InvalidParameterException, LimitExceededException, ResourceNotFoundException
from moto.logs.models import LogGroup, LogsBackend, LogStream, SubscriptionFilter, logs_backends
from moto.logs.responses import LogsResponse

from headwater.model.arn import parse_stream_arn
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.neighbours.calls.current import CURRENT_SERVER
from headwater.neighbours.calls.lambda_ import CallRefused
from headwater.neighbours.delivery.outbox import OutgoingRecord
from headwater.neighbours.logs.filter_pattern import PatternInvalid, matcher

FILTERS_MAX = 2
DISTRIBUTIONS = ("Random", "ByLogStream")
BY_LOG_STREAM = "ByLogStream"
RECORD_BYTES_MAX = 1_000_000
HEALTH = "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."
FUNCTION_GROUPS = "/aws/lambda/"
OTHERS = ("logs",)
"""Services whose destinations are moto's own."""

_put_filter: Callable[..., Any] = LogsBackend.put_subscription_filter
_put_events: Callable[..., Any] = LogStream.put_log_events
_send: Callable[..., Any] = LogStream._send_log_events  # noqa: SLF001 - there is no other place
_put_destination: Callable[..., Any] = LogsBackend.put_destination
_as_json: Callable[..., Any] = SubscriptionFilter.to_json


def target_of(destination_arn: str) -> str:
    """The ARN that a subscription's events go to: what a destination stands for.

    Raises `ResourceNotFoundException`, as moto does.
    """
    parts = destination_arn.split(":", 6)
    if len(parts) < 7 or parts[2] != "logs" or parts[5] != "destination":
        return destination_arn
    backend: LogsBackend = logs_backends[parts[4]][parts[3]]
    destination = backend.destinations.get(destination_arn)
    if destination is None:
        raise ResourceNotFoundException("The specified destination does not exist.")
    return str(destination.target_arn)


def followed_callers() -> list[Caller]:
    """The accounts and regions where a filter is on the log of a function."""
    return [
        Caller(account_id, region)
        for account_id, accounts in list(logs_backends.items())
        for region, backend in list(accounts.items())
        if any(
            group.subscription_filters and name.startswith(FUNCTION_GROUPS)
            for name, group in list(backend.groups.items())
        )
    ]


# The operations


def put_subscription_filter(response: LogsResponse) -> str:
    """PutSubscriptionFilter. Raises `InvalidParameterException`."""
    subscribe(
        response.logs_backend,
        response._get_param("logGroupName"),  # noqa: SLF001 - moto's way to read
        response._get_param("filterName"),  # noqa: SLF001 - as above
        response._get_param("filterPattern") or "",  # noqa: SLF001 - as above
        response._get_param("destinationArn"),  # noqa: SLF001 - as above
        response._get_param("roleArn"),  # noqa: SLF001 - as above
        response._get_param("distribution") or BY_LOG_STREAM,  # noqa: SLF001 - as above
    )
    return ""


def subscribe(
    backend: LogsBackend,
    group_name: str,
    filter_name: str,
    filter_pattern: str,
    destination_arn: str,
    role_arn: str,
    distribution: str,
) -> None:
    """Make or change a filter. Raises `InvalidParameterException` and `ResourceNotFoundException`."""
    if distribution not in DISTRIBUTIONS:
        raise InvalidParameterException(
            constraint=f"Member must satisfy enum value set: [{', '.join(DISTRIBUTIONS)}]",
            parameter="distribution",
            value=distribution,
        )
    backend.put_subscription_filter(group_name, filter_name, filter_pattern, destination_arn, role_arn)
    vars(backend.groups[group_name].subscription_filters[filter_name])["distribution"] = distribution


def put_filter(
    backend: LogsBackend,
    log_group_name: str,
    filter_name: str,
    filter_pattern: str,
    destination_arn: str,
    role_arn: str,
) -> None:
    """Make or change a filter, after a look at where it sends.

    Raises `InvalidParameterException` and `ResourceNotFoundException`.
    """
    group = backend.groups.get(log_group_name)
    if group is None:
        raise ResourceNotFoundException
    try:
        matcher(filter_pattern)
    except PatternInvalid as error:
        raise InvalidParameterException("Invalid filter pattern") from error
    target = target_of(destination_arn)
    service = target.split(":")[2:3]
    if service == ["kinesis"]:
        require_stream(
            target, "Could not deliver test message to specified Kinesis stream. Check if the given"
        )
        _make(group, filter_name, filter_pattern, destination_arn, role_arn)
        _send_health(target)
    elif service == ["lambda"]:
        _require_function(backend, target)
        _make(group, filter_name, filter_pattern, destination_arn, role_arn)
    elif service == ["firehose"]:
        _require_delivery_stream(target)
        _make(group, filter_name, filter_pattern, destination_arn, role_arn)
    else:
        _put_filter(backend, log_group_name, filter_name, filter_pattern, destination_arn, role_arn)


def _make(
    group: LogGroup, filter_name: str, filter_pattern: str, destination_arn: str, role_arn: str
) -> None:
    filters = group.subscription_filters
    if filter_name in filters:
        filters[filter_name].update(filter_pattern, destination_arn, role_arn)
        return
    if len(filters) >= FILTERS_MAX:
        raise LimitExceededException
    filters[filter_name] = SubscriptionFilter(
        filter_name, group.name, filter_pattern, destination_arn, role_arn
    )


def require_stream(stream_arn: str, complaint: str) -> None:
    """Look whether a stream is there, and ACTIVE. Raises InvalidParameterException."""
    stream = parse_stream_arn(stream_arn)
    try:
        if stream is None:
            raise InvalidParameterException(f"{stream_arn} is not the ARN of a stream.")
        CURRENT_SERVER.get().kinesis.stream(Caller(stream.account_id, stream.region), stream_arn)
    except KinesisError as error:
        raise InvalidParameterException(f"{complaint} Kinesis stream is valid: {error.message}") from error


def _require_function(backend: LogsBackend, function_arn: str) -> None:
    caller = Caller(backend.account_id, backend.region_name)
    try:
        CURRENT_SERVER.get().lambda_.call(caller, "GetFunction", {"FunctionName": function_arn})
    except CallRefused as error:
        raise InvalidParameterException(
            f"Could not execute the lambda function. {function_arn}: {error.message}"
        ) from error


def _require_delivery_stream(arn: str) -> None:
    try:
        CURRENT_SERVER.get().firehose.require(arn)
    except CallRefused as error:
        raise InvalidParameterException(
            "Could not deliver test message to specified Firehose stream. Check if the given Firehose stream "
            f"is in ACTIVE state. {error.message}"
        ) from error


def put_destination(
    backend: LogsBackend, destination_name: str, role_arn: str, target_arn: str, tags: Any
) -> Any:
    """PutDestination, of a stream that is there."""
    if target_arn:
        complaint = "Could not deliver test message to specified destination. Check if the"
        require_stream(target_arn, complaint)
    return _put_destination(backend, destination_name, role_arn, target_arn, tags or {})


def described(subscription: SubscriptionFilter) -> dict[str, Any]:
    """DescribeSubscriptionFilters, of one."""
    said: dict[str, Any] = _as_json(subscription)
    return {**said, "distribution": _distribution(subscription)}


# What is sent


def put_log_events(stream: LogStream, log_events: list[dict[str, Any]]) -> str:
    """PutLogEvents, in a stream: what filters take is on its way."""
    filters = stream.log_group.subscription_filters
    stream.log_group.subscription_filters = {}
    first = len(stream.events)
    try:
        token: str = _put_events(stream, log_events)
    finally:
        stream.log_group.subscription_filters = filters
    events = [
        {
            "id": f"{event.ingestion_time:020d}{event.event_id:036d}",
            "timestamp": event.timestamp,
            "message": event.message,
        }
        for event in stream.events[first:]
    ]
    for subscription in filters.values():
        matches = matcher(subscription.filter_pattern or "")
        taken = [event for event in events if matches(event["message"])]
        if taken:
            _send_to(stream, subscription, taken)
    return token


def _send_to(stream: LogStream, subscription: SubscriptionFilter, events: list[dict[str, Any]]) -> None:
    target = target_of(subscription.destination_arn)
    service = target.split(":")[2]
    if service in OTHERS:
        _send(
            stream,
            service=service,
            destination_arn=target,
            filter_name=subscription.name,
            log_events=events,
        )
        return
    key = _partition_key(stream, subscription)
    for data in _messages(stream, subscription.name, events):
        if service == "kinesis":
            _send_to_stream(target, key, data)
        elif service == "firehose":
            _put_to_delivery_stream(target, data)
        else:
            _invoke(stream, target, data)


def _messages(stream: LogStream, filter_name: str, events: list[dict[str, Any]]) -> list[bytes]:
    """The events in as few records as hold them."""
    data = _packed(
        {
            "messageType": "DATA_MESSAGE",
            "owner": stream.account_id,
            "logGroup": stream.log_group.name,
            "logStream": stream.log_stream_name,
            "subscriptionFilters": [filter_name],
            "logEvents": events,
        }
    )
    if len(data) <= RECORD_BYTES_MAX or len(events) == 1:
        return [data]
    half = len(events) // 2
    return [*_messages(stream, filter_name, events[:half]), *_messages(stream, filter_name, events[half:])]


def _send_health(stream_arn: str) -> None:
    now_ms = int(unix_time_millis())
    message = {
        "messageType": "CONTROL_MESSAGE",
        "owner": "CloudwatchLogs",
        "logGroup": "",
        "logStream": "",
        "subscriptionFilters": [],
        "logEvents": [{"id": "", "timestamp": now_ms, "message": HEALTH}],
    }
    record = OutgoingRecord(stream_arn, uuid4().hex, _packed(message), now_ms)
    CURRENT_SERVER.get().outbox.put(_sender(stream_arn), [record])


def _send_to_stream(stream_arn: str, key: str, data: bytes) -> None:
    record = OutgoingRecord(stream_arn, key, data, int(unix_time_millis()))
    CURRENT_SERVER.get().outbox.put(_sender(stream_arn), [record])


def _put_to_delivery_stream(arn: str, data: bytes) -> None:
    with suppress(CallRefused):  # it is gone, or does not take more now: the events are accepted all the same
        CURRENT_SERVER.get().firehose.put(arn, data)


def _invoke(stream: LogStream, function_arn: str, data: bytes) -> None:
    payload = json.dumps({"awslogs": {"data": base64.b64encode(data).decode()}}).encode()
    members = {"FunctionName": function_arn, "InvocationType": "Event", "Payload": payload}
    CURRENT_SERVER.get().lambda_.call(Caller(stream.account_id, stream.region), "Invoke", members)


def _sender(stream_arn: str) -> str:
    return f"CloudWatch Logs to {stream_arn}"


def _partition_key(stream: LogStream, subscription: SubscriptionFilter) -> str:
    if _distribution(subscription) != BY_LOG_STREAM:
        return uuid4().hex
    place = f"{stream.account_id}:{stream.log_group.name}:{stream.log_stream_name}"
    return md5(place.encode(), usedforsecurity=False).hexdigest()


def _distribution(subscription: SubscriptionFilter) -> str:
    return str(vars(subscription).get("distribution", BY_LOG_STREAM))


def _packed(message: dict[str, Any]) -> bytes:
    return gzip.compress(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode())


MENDED: tuple[tuple[Any, str, Any], ...] = (
    (LogsResponse, "put_subscription_filter", put_subscription_filter),
    (LogsBackend, "put_subscription_filter", put_filter),
    (LogsBackend, "put_destination", put_destination),
    (LogStream, "put_log_events", put_log_events),
    (SubscriptionFilter, "to_json", described),
)
"""Where, what, and what takes its place."""


def install() -> None:
    """Put it in."""
    for owner, name, replacement in MENDED:
        setattr(owner, name, replacement)
