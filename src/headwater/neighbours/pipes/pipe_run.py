"""What a pipe does with a batch of records: enrichment by a function, then its target.

Rules, from the user guide:
- a batch is a list of records, each as in Lambda's event but flat; an input template makes something else of
  each, with `<$.path>` for its parts, `$.data` read as JSON where it is JSON;
- a function gets the list, a queue, a topic or a stream each of its members by itself;
- a path in a target's parameter leads into the record, and not into what a template has made of it;
- an enrichment that gives an empty list ends the batch;
- what fails is told to the caller, who tries the batch again.

Refuses to know where batches come from, and moto's pipes beyond their settings.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from moto.pipes.models import Pipe
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from headwater.model.caller import Caller
from headwater.neighbours.calls.current import CURRENT_SERVER
from headwater.neighbours.delivery.json_path import MISSING, PathInvalid, steps_of, value_at
from headwater.neighbours.events.target_input import VARIABLE, filled

FIRE_AND_FORGET = "FIRE_AND_FORGET"
RECORDS_MAX = 500

Document = dict[str, Any]


class PipeFailed(Exception):
    """A batch is not through. `payload` is the error's document."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(f"{error_type}: {message}")
        self.payload = json.dumps({"errorType": error_type, "errorMessage": message}).encode()


class Step(NamedTuple):
    """An enrichment or a target."""

    pipe: Pipe
    arn: str
    parameters: Document

    @property
    def caller(self) -> Caller:
        """Whose it is."""
        _, _, _, region, account_id, _ = self.arn.split(":", 5)
        return Caller(account_id, region)


class PipedRecord(NamedTuple):
    """A member of a batch on its way to the target."""

    input: Any
    """As its template has made it."""
    record: Any
    """As it came, or as the enrichment gave it."""


def run(pipe: Pipe, event: bytes) -> bytes:
    """Take Lambda's event for a batch through a pipe; what its last function said. Raises `PipeFailed`."""
    batch: list[Any] = [flat(record) for record in json.loads(event)["Records"]]
    if pipe.enrichment:
        step = Step(pipe, pipe.enrichment, pipe.enrichment_parameters or {})
        said = _invoke(step, _templated(step, batch))
        enriched = json.loads(said or b"null")
        if _has_failures(enriched):
            return said
        batch = enriched if isinstance(enriched, list) else [] if enriched in (None, {}) else [enriched]
    if not batch:
        return b""
    step = Step(pipe, pipe.target, pipe.target_parameters or {})
    return TARGETS[service_of(pipe.target)](step, list(map(PipedRecord, _templated(step, batch), batch)))


def flat(record: Document) -> Document:
    """A record of Lambda's event as pipes have it."""
    rest = {name: value for name, value in record.items() if name != "kinesis"}
    return {**record["kinesis"], **rest}


def service_of(arn: str) -> str:
    """The service that an ARN is of."""
    return (arn.split(":") + [""] * 3)[2]


def _has_failures(said: Any) -> bool:
    return isinstance(said, dict) and bool(said.get("batchItemFailures"))


# Templates


def _templated(step: Step, batch: list[Any]) -> list[Any]:
    template = step.parameters.get("InputTemplate")
    return batch if not template else [_from_template(step, template, each) for each in batch]


def _from_template(step: Step, template: str, record: Any) -> Any:
    text = filled(template, _variables(step, template, record))
    try:
        return json.loads(text)
    except ValueError:
        return text


def _variables(step: Step, template: str, record: Any) -> Document:
    pipe = step.pipe
    known = {
        "aws.pipes.pipe-arn": pipe.arn,
        "aws.pipes.pipe-name": pipe.name,
        "aws.pipes.source-arn": pipe.source,
        "aws.pipes.enrichment-arn": pipe.enrichment or "",
        "aws.pipes.target-arn": pipe.target,
        "aws.pipes.event": _with_data(record),
        "aws.pipes.event.json": record,
    }
    paths = {name for name in VARIABLE.findall(template) if name.startswith("$")}
    return {**known, **{path: _part(record, path) for path in paths}}


def _part(record: Any, path: str) -> Any:
    try:
        steps = steps_of(path)
    except PathInvalid as error:
        raise PipeFailed("InvalidPath", str(error)) from error
    return value_at(_with_data(record) if len(steps) > 1 else record, steps)


def _with_data(record: Any) -> Any:
    """With the data as the JSON that it is, if it is some."""
    data = record.get("data") if isinstance(record, dict) else None
    if not isinstance(data, str):
        return record
    try:
        return {**record, "data": json.loads(base64.b64decode(data, validate=True))}
    except ValueError:
        return record


def dynamic(step: Step, value: str, record: Any) -> str:
    """A parameter that may be a path into the record. Raises `PipeFailed`."""
    if not re.match(r"\$[.\[]", value):
        return value
    found = _part(record, value)
    if found is MISSING:
        raise PipeFailed("InvalidPath", f"{step.pipe.name}: a record has no {value}")
    return found if isinstance(found, str) else json.dumps(found)


# Targets


def _invoke(step: Step, batch: list[Any]) -> bytes:
    payload = json.dumps(batch, ensure_ascii=False).encode()
    outcome = CURRENT_SERVER.get().lambda_.invoke(step.caller, step.arn, payload)
    if outcome.error is not None:
        raise PipeFailed(outcome.error, outcome.payload.decode("utf-8", "replace"))
    return outcome.payload


def _to_function(step: Step, batch: list[PipedRecord]) -> bytes:
    inputs = [each.input for each in batch]
    if (step.parameters.get("LambdaFunctionParameters") or {}).get("InvocationType") == FIRE_AND_FORGET:
        payload = json.dumps(inputs, ensure_ascii=False).encode()
        members = {"FunctionName": step.arn, "InvocationType": "Event", "Payload": payload}
        CURRENT_SERVER.get().lambda_.call(step.caller, "Invoke", members)
        return b""
    return _invoke(step, inputs)


def _to_queue(step: Step, batch: list[PipedRecord]) -> bytes:
    given = step.parameters.get("SqsQueueParameters") or {}
    names = (("MessageGroupId", "group_id"), ("MessageDeduplicationId", "deduplication_id"))
    backend = sqs_backends[step.caller.account_id][step.caller.region]
    for each in batch:
        more: dict[str, Any] = {
            argument: dynamic(step, given[name], each.record) for name, argument in names if given.get(name)
        }
        backend.send_message(step.arn.rpartition(":")[2], _text(each.input), **more)
    return b""


def _to_topic(step: Step, batch: list[PipedRecord]) -> bytes:
    backend = sns_backends[step.caller.account_id][step.caller.region]
    for each in batch:
        backend.publish(message=_text(each.input), arn=step.arn)
    return b""


def _to_stream(step: Step, batch: list[PipedRecord]) -> bytes:
    key = (step.parameters.get("KinesisStreamParameters") or {}).get("PartitionKey") or "$.partitionKey"
    records = [
        {"Data": _text(each.input).encode(), "PartitionKey": dynamic(step, key, each.record)}
        for each in batch
    ]
    for first in range(0, len(records), RECORDS_MAX):
        part = records[first : first + RECORDS_MAX]
        answer = CURRENT_SERVER.get().kinesis.call(
            step.caller, "PutRecords", StreamARN=step.arn, Records=part
        )
        if answer["FailedRecordCount"]:
            raise PipeFailed("PutRecords", f"{answer['FailedRecordCount']} records were refused")
    return b""


def _text(each: Any) -> str:
    return each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)


TARGETS: dict[str, Callable[[Step, list[PipedRecord]], bytes]] = {
    "kinesis": _to_stream,
    "lambda": _to_function,
    "sns": _to_topic,
    "sqs": _to_queue,
}
"""For a service: what delivers a batch to it."""
