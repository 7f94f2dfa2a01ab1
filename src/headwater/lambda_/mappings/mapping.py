"""Event source mappings: one immutable value holds all that is known about one.

A mapping says which stream's records go to which function, and how. `OPTIONS` is the
table of what can be set: the member of the API, the field, and its default. The bounds
of single members are the API model's, checked before; here are the rules that the
model does not tell, and those across members.

As for streams, a transition that takes time is part of the value, so that a restart
completes it: `settled` is the mapping after what is due.

Refuses to know who reads the stream, and how far.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from headwater.lambda_.api.errors import InvalidParameterValueException
from headwater.lambda_.mappings.filter_pattern import InvalidPattern, compile_pattern
from headwater.model.arn import StreamName, parse_consumer_arn, parse_stream_arn
from headwater.model.partition import partition_of

State = Literal["Creating", "Enabling", "Enabled", "Disabling", "Disabled", "Updating", "Deleting"]
StartingPosition = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]

FILTERS_MAX = 5
RECORD_AGE_S_MIN = 60
"""The least maximum age; -1 is none."""
NOTHING_PROCESSED = "No records processed"
FUNCTION_FAILED = "PROBLEM: Function call failed"
PROCESSED = "OK"


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """One event source mapping."""

    uuid: str
    account_id: str
    region: str
    event_source_arn: str
    """The ARN of a stream, or of a consumer with enhanced fan-out."""
    function_arn: str
    """With a qualifier exactly when the mapping was given one."""
    starting_position: StartingPosition
    starting_timestamp_ms: int | None = None
    state: State = "Creating"
    enabled: bool = True
    """Whether the mapping is enabled, or will be at the end of its transition."""
    due_ms: int | None = None
    """When the present transition ends; `None` when there is none."""
    last_modified_ms: int
    last_processing_result: str = NOTHING_PROCESSED
    tags: dict[str, str] = {}  # msgspec copies the default
    batch_size: int = 100
    batching_window_s: int = 0
    parallelization_factor: int = 1
    maximum_record_age_s: int = -1
    maximum_retry_attempts: int = -1
    bisect_batch: bool = False
    tumbling_window_s: int = 0
    response_types: tuple[str, ...] = ()
    filters: tuple[str, ...] | None = None
    """Patterns, one of which a record must match; `None`: every record goes to the function."""
    kms_key_arn: str | None = None
    on_failure_arn: str | None = None
    metrics: tuple[str, ...] | None = None

    @property
    def arn(self) -> str:
        """The mapping's ARN, by which it is tagged."""
        partition = partition_of(self.region)
        return f"arn:{partition}:lambda:{self.region}:{self.account_id}:event-source-mapping:{self.uuid}"

    @property
    def stream(self) -> StreamName:
        """The stream that is read."""
        return source_stream(self.event_source_arn)

    @property
    def reports_item_failures(self) -> bool:
        """Whether the function may say which records of a batch have failed."""
        return "ReportBatchItemFailures" in self.response_types


class Option(NamedTuple):
    """A member of a request that sets a field."""

    member: str
    field: str


OPTIONS = (
    Option("BatchSize", "batch_size"),
    Option("MaximumBatchingWindowInSeconds", "batching_window_s"),
    Option("ParallelizationFactor", "parallelization_factor"),
    Option("MaximumRecordAgeInSeconds", "maximum_record_age_s"),
    Option("MaximumRetryAttempts", "maximum_retry_attempts"),
    Option("BisectBatchOnFunctionError", "bisect_batch"),
    Option("TumblingWindowInSeconds", "tumbling_window_s"),
    Option("KMSKeyArn", "kms_key_arn"),
    Option("Enabled", "enabled"),
)
"""The members whose value is the field's; the others are read by `_read_compound`."""

UNSUPPORTED = (
    "LoggingConfig",
    "ScalingConfig",
    "Topics",
    "Queues",
    "SourceAccessConfigurations",
    "SelfManagedEventSource",
    "AmazonManagedKafkaEventSourceConfig",
    "SelfManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "ProvisionedPollerConfig",
)
"""What the API has for event sources other than Kinesis."""

DESTINATION_SERVICES = ("sqs", "sns", "s3", "kinesis")
"""The services that an on-failure destination can be in."""
EVENT_COUNT = "EventCount"
METRICS = (EVENT_COUNT,)
"""The metrics that a mapping of a stream can have; the API's others are for Kafka."""


def options_of(request: dict[str, Any]) -> dict[str, Any]:
    """The fields that a request sets. Raises InvalidParameterValueException."""
    for member in UNSUPPORTED:
        if request.get(member):
            raise _unsupported(member)
    fields = {
        option.field: request[option.member] for option in OPTIONS if request.get(option.member) is not None
    }
    fields |= _read_compound(request)
    age_s = fields.get("maximum_record_age_s", -1)
    if age_s != -1 and age_s < RECORD_AGE_S_MIN:
        raise InvalidParameterValueException(
            f"1 validation error detected: Value '{age_s}' at 'maximumRecordAgeInSeconds' failed to satisfy "
            f"constraint: Member must have value greater than or equal to {RECORD_AGE_S_MIN}"
        )
    return fields


def _read_compound(request: dict[str, Any]) -> dict[str, Any]:
    """The fields that are set by members which hold others."""
    fields: dict[str, Any] = {}
    if request.get("FunctionResponseTypes") is not None:
        fields["response_types"] = tuple(request["FunctionResponseTypes"])
    if request.get("FilterCriteria") is not None:
        fields["filters"] = _filters_of(request["FilterCriteria"])
    if request.get("DestinationConfig") is not None:
        fields["on_failure_arn"] = _on_failure_of(request["DestinationConfig"])
    if request.get("MetricsConfig") is not None:
        metrics = tuple(request["MetricsConfig"].get("Metrics") or ())
        if not set(metrics) <= set(METRICS):
            raise _unsupported("MetricsConfig")
        fields["metrics"] = metrics
    if request.get("KMSKeyArn") == "":
        fields["kms_key_arn"] = None
    return fields


def _filters_of(criteria: dict[str, Any]) -> tuple[str, ...] | None:
    patterns = tuple(written.get("Pattern", "") for written in criteria.get("Filters") or ())
    if len(patterns) > FILTERS_MAX:
        raise InvalidParameterValueException(
            f"FilterCriteria has {len(patterns)} filters. The maximum number of filters is {FILTERS_MAX}."
        )
    for pattern in patterns:
        try:
            compile_pattern(pattern)
        except InvalidPattern:
            raise InvalidParameterValueException("Invalid filter pattern definition.") from None
    return patterns or None


def _on_failure_of(config: dict[str, Any]) -> str | None:
    if (config.get("OnSuccess") or {}).get("Destination"):
        raise _unsupported("DestinationConfig")
    arn: str = (config.get("OnFailure") or {}).get("Destination") or ""
    if not arn:
        return None
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] not in DESTINATION_SERVICES or not parts[5]:
        raise InvalidParameterValueException(f"The destination ARN {arn} is not supported.")
    if parts[2] == "kinesis" and parse_stream_arn(arn) is None:
        raise InvalidParameterValueException(f"The destination ARN {arn} is not supported.")
    return arn


def _unsupported(member: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(
        f"Unsupported {member} parameter for given event source mapping type."
    )


def source_stream(arn: str) -> StreamName:
    """The stream of an event source's ARN. Raises InvalidParameterValueException."""
    consumer = parse_consumer_arn(arn)
    stream = consumer.stream if consumer else parse_stream_arn(arn)
    if stream is None:
        raise InvalidParameterValueException(
            f"Unrecognized event source, must be a Kinesis stream or a consumer of one. "
            f"Unsupported source arn : {arn}"
        )
    return stream


def read_start(request: dict[str, Any], now_ms: int) -> tuple[StartingPosition, int | None]:
    """Where a new mapping begins to read. Raises InvalidParameterValueException."""
    position: StartingPosition | None = request.get("StartingPosition")
    timestamp_ms: int | None = request.get("StartingPositionTimestamp")
    if position is None:
        raise _null("startingPosition")
    if position != "AT_TIMESTAMP":
        if timestamp_ms is not None:
            raise InvalidParameterValueException(
                "StartingPositionTimestamp can only be used with the starting position AT_TIMESTAMP."
            )
        return position, None
    if timestamp_ms is None:
        raise _null("startingPositionTimestamp")
    if timestamp_ms > now_ms:
        raise InvalidParameterValueException("StartingPositionTimestamp cannot be in the future.")
    return position, timestamp_ms


def _null(member: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(
        f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
        "Member must not be null."
    )


def settled(mapping: Mapping, now_ms: int) -> Mapping | None:
    """The mapping as of now: after its transition if that is due, `None` when it is gone."""
    if mapping.due_ms is None or mapping.due_ms > now_ms:
        return mapping
    if mapping.state == "Deleting":
        return None
    state: State = "Enabled" if mapping.enabled else "Disabled"
    return msgspec.structs.replace(mapping, state=state, due_ms=None)


def updated(mapping: Mapping, fields: dict[str, Any], due_ms: int, now_ms: int) -> Mapping:
    """The mapping with these fields, on its way to the state that they mean."""
    enabled = fields.get("enabled", mapping.enabled)
    state: State = "Updating"
    if enabled != mapping.enabled:
        state = "Enabling" if enabled else "Disabling"
    return msgspec.structs.replace(mapping, **fields, state=state, due_ms=due_ms, last_modified_ms=now_ms)
