"""A document of `--init-dir`: streams with what belongs to them, and queues, by Kinesis's own operations.

Rules:
- members are those of the API's requests, and a few more (`STREAM_MEMBERS`); what is none of them is refused;
- what is not there is made; a stream that is there keeps its shards, and everything else of it becomes what
  the document says; what the document does not name stays.

Refuses to know files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from headwater.app.initial_calls import call, without_transitions
from headwater.engine.engine import Engine
from headwater.model.arn import StreamName, stream_arn
from headwater.model.errors import KinesisError, ResourceInUseException

AT_CREATION = (
    "StreamName",
    "ShardCount",
    "StreamModeDetails",
    "MaxRecordSizeInKiB",
    "WarmThroughputMiBps",
    "RecordDistributionStrategy",
    "Tags",
)
STREAM_MEMBERS = (
    *AT_CREATION,
    "RetentionPeriodHours",
    "EncryptionType",
    "KeyId",
    "ShardLevelMetrics",
    "Consumers",
    "Policy",
)
QUEUE_MEMBERS = ("QueueName", "StreamConfigurationList", "QueueAttributes", "Tags")
CONSUMER_MEMBERS = ("ConsumerName", "Tags")

Members = dict[str, Any]


class DocumentInvalid(Exception):
    """A document says what cannot be done; the text names the place."""


async def apply_document(engine: Engine, document: Members) -> None:
    """Make and change what a document names, in its order. Raises `DocumentInvalid`."""
    _check_members("the document", document, SECTIONS)
    with without_transitions(engine):
        for section, (kind, apply) in SECTIONS.items():
            for number, entry in enumerate(_entries(section, document.get(section, []))):
                place = f"{section}[{number}]"
                if not isinstance(entry, dict):
                    raise DocumentInvalid(f"{place} is not a JSON object")
                try:
                    await apply(engine, place, entry)
                except KinesisError as error:
                    name = entry.get(f"{kind}Name", "")
                    raise DocumentInvalid(f"{place} {name}: {error.message}") from error


def _entries(place: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise DocumentInvalid(f"{place} is not a list")
    return value


def _check_members(place: str, members: Members, known: Iterable[str]) -> None:
    unknown = [name for name in members if name not in known]
    if unknown:
        raise DocumentInvalid(f"{place} has {', '.join(unknown)}; known are {', '.join(known)}")


async def _stream(engine: Engine, place: str, entry: Members) -> None:
    _check_members(place, entry, STREAM_MEMBERS)
    is_new = await _is_made(engine, "CreateStream", {name: entry.get(name) for name in AT_CREATION})
    summary = await _summary(engine, entry)
    arn = summary["StreamARN"]
    if not is_new:
        await _tag(engine, arn, entry)
        await _change_record_size(engine, arn, entry, summary)
    await _change_retention(engine, arn, entry, summary)
    if "KeyId" in entry and summary.get("KeyId") != entry["KeyId"]:
        kind = entry.get("EncryptionType", "KMS")
        await call(engine, "StartStreamEncryption", StreamARN=arn, EncryptionType=kind, KeyId=entry["KeyId"])
        await _summary(engine, entry)
    if entry.get("ShardLevelMetrics"):
        metrics = entry["ShardLevelMetrics"]
        await call(engine, "EnableEnhancedMonitoring", StreamARN=arn, ShardLevelMetrics=metrics)
        await _summary(engine, entry)
    for each in _entries(f"{place}.Consumers", entry.get("Consumers", [])):
        await _consumer(engine, f"{place}.Consumers", arn, each)
    if "Policy" in entry:
        await call(engine, "PutResourcePolicy", ResourceARN=arn, Policy=_policy_text(entry["Policy"]))


async def _consumer(engine: Engine, place: str, stream: str, entry: Any) -> None:
    members = {"ConsumerName": entry} if isinstance(entry, str) else entry
    if not isinstance(members, dict):
        raise DocumentInvalid(f"{place} has what is neither a name nor a JSON object")
    _check_members(place, members, CONSUMER_MEMBERS)
    if not await _is_made(engine, "RegisterStreamConsumer", {**members, "StreamARN": stream}):
        name = members.get("ConsumerName")
        found = await call(engine, "DescribeStreamConsumer", StreamARN=stream, ConsumerName=name)
        await _tag(engine, found["ConsumerDescription"]["ConsumerARN"], members)


async def _queue(engine: Engine, place: str, entry: Members) -> None:
    _check_members(place, entry, QUEUE_MEMBERS)
    sources = _entries(f"{place}.StreamConfigurationList", entry.get("StreamConfigurationList", []))
    named = [_with_arn(engine, place, source) for source in sources]
    await _is_made(engine, "CreateQueue", {**entry, "StreamConfigurationList": named})


def _with_arn(engine: Engine, place: str, source: Any) -> Members:
    """A queue's source; `StreamName` is one of the server's own account and region."""
    if not isinstance(source, dict):
        raise DocumentInvalid(f"{place}.StreamConfigurationList has what is not a JSON object")
    if "StreamName" not in source:
        return source
    rest = {name: value for name, value in source.items() if name != "StreamName"}
    name = StreamName(engine.home.account_id, engine.home.region, str(source["StreamName"]))
    return {"StreamARN": stream_arn(name), **rest}


async def _is_made(engine: Engine, operation: str, members: Members) -> bool:
    """Whether it was made now; a no: it was there."""
    try:
        await call(engine, operation, **members)
    except ResourceInUseException:
        return False
    return True


async def _summary(engine: Engine, entry: Members) -> Members:
    """What a stream is, once it is at rest."""
    answer = await call(engine, "DescribeStreamSummary", StreamName=entry["StreamName"])
    summary: Members = answer["StreamDescriptionSummary"]
    return summary


async def _tag(engine: Engine, arn: str, entry: Members) -> None:
    if entry.get("Tags"):
        await call(engine, "TagResource", ResourceARN=arn, Tags=entry["Tags"])


async def _change_record_size(engine: Engine, arn: str, entry: Members, summary: Members) -> None:
    size = entry.get("MaxRecordSizeInKiB")
    if size is not None and size != summary.get("MaxRecordSizeInKiB"):
        await call(engine, "UpdateMaxRecordSize", StreamARN=arn, MaxRecordSizeInKiB=size)
        await _summary(engine, entry)


async def _change_retention(engine: Engine, arn: str, entry: Members, summary: Members) -> None:
    hours, before = entry.get("RetentionPeriodHours"), summary["RetentionPeriodHours"]
    if hours is not None and hours != before:
        verb = "Decrease" if isinstance(hours, int) and hours < before else "Increase"
        await call(engine, f"{verb}StreamRetentionPeriod", StreamARN=arn, RetentionPeriodHours=hours)


def _policy_text(policy: Any) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)


Apply = Callable[[Engine, str, Members], Coroutine[Any, Any, None]]

SECTIONS: dict[str, tuple[str, Apply]] = {"Streams": ("Stream", _stream), "Queues": ("Queue", _queue)}
"""The lists of a document: what each has, and what makes one."""
