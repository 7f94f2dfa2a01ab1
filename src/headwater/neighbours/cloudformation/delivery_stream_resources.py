"""CloudFormation's resource type of Firehose's delivery streams, as a sequence of Firehose operations.

What is said of the types of streams (`stream_resources`) holds here too.

Rules:
- a delivery stream is ACTIVE before its stack goes on, and gone before its name or source is needed again;
- a property of a destination that a template no longer has goes back to what Firehose has without it;
- a destination of another type takes the place of the present one by an update, as at AWS.

Refuses to know stacks and templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from headwater.model.caller import Caller
from headwater.neighbours.calls.current import CURRENT_SERVER
from headwater.neighbours.calls.firehose import FirehoseCalls
from headwater.neighbours.calls.lambda_ import CallRefused, at_rest
from headwater.neighbours.cloudformation.stream_resources import Properties, Resource, ResourceType

NOT_FOUND = "ResourceNotFoundException"
DELIVERY_STREAM_TYPE = "AWS::KinesisFirehose::DeliveryStream"
ENCRYPTION = "DeliveryStreamEncryptionConfigurationInput"
NAME_LENGTH_MAX = 64
UPDATES = {"S3BackupConfiguration": "S3BackupUpdate", "S3Configuration": "S3Update"}
"""What an update calls members otherwise."""
BUCKET: Mapping[str, Any] = {
    "BufferingHints": {},
    "CloudWatchLoggingOptions": {"Enabled": False},
    "CompressionFormat": "UNCOMPRESSED",
    "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
    "ErrorOutputPrefix": "",
    "Prefix": "",
}
"""Of a bucket: each member, and what it is without."""
ABSENT: Mapping[str, Mapping[str, Any]] = {
    "S3Destination": BUCKET,
    "ExtendedS3Destination": {
        **BUCKET,
        "CustomTimeZone": "",
        "DataFormatConversionConfiguration": {"Enabled": False},
        "FileExtension": "",
        "ProcessingConfiguration": {"Enabled": False},
    },
    "HttpEndpointDestination": {
        "BufferingHints": {},
        "CloudWatchLoggingOptions": {"Enabled": False},
        "ProcessingConfiguration": {"Enabled": False},
        "RequestConfiguration": {"ContentEncoding": "NONE"},
        "RetryOptions": {},
        "S3BackupMode": "FailedDataOnly",
    },
}
"""For a destination that is delivered to: each member, and what it is without."""


class Firehose(NamedTuple):
    """The operations, as the stack's owner calls them."""

    calls: FirehoseCalls
    caller: Caller

    def __call__(self, operation: str, name: str, **members: Any) -> dict[str, Any]:
        """An operation's answer about a delivery stream; members that are `None` are left out."""
        given = {member: value for member, value in members.items() if value is not None}
        return self.calls.call(self.caller, operation, {"DeliveryStreamName": name, **given})

    def described(self, name: str) -> dict[str, Any] | None:
        """A delivery stream; `None` when there is none. Raises `CallRefused`."""
        try:
            shown: dict[str, Any] = self("DescribeDeliveryStream", name)["DeliveryStreamDescription"]
        except CallRefused as error:
            if error.code != NOT_FOUND:
                raise
            return None
        return shown


def current_firehose(caller: Caller) -> Firehose:
    """The Firehose of the server whose request this thread works at."""
    return Firehose(CURRENT_SERVER.get().firehose, caller)


def create_delivery_stream(firehose: Firehose, name: str, properties: Properties) -> Resource:
    """A delivery stream, once it is ACTIVE."""
    name = properties.get("DeliveryStreamName", name)[-NAME_LENGTH_MAX:]
    asked = {member: value for member, value in properties.items() if member != "DeliveryStreamName"}
    firehose("CreateDeliveryStream", name, **asked)
    return _at_rest(firehose, name)


def _at_rest(firehose: Firehose, name: str) -> Resource:
    def look() -> dict[str, Any] | None:
        shown = firehose.described(name)
        return shown if shown is not None and shown["DeliveryStreamStatus"] == "ACTIVE" else None

    shown = at_rest(name, look)
    return Resource(name, {"Arn": shown["DeliveryStreamARN"]})


def update_delivery_stream(
    firehose: Firehose, made: Resource, before: Properties, after: Properties
) -> Resource:
    """Destination, encryption and tags, each if it differs."""
    name = made.identifier
    _at_rest(firehose, name)
    destination = _destination(after)
    if destination is not None and after[f"{destination}Configuration"] != before.get(
        f"{destination}Configuration"
    ):
        _change_destination(firehose, name, destination, after)
    if after.get(ENCRYPTION) != before.get(ENCRYPTION):
        if ENCRYPTION in after:
            firehose("StartDeliveryStreamEncryption", name, **{ENCRYPTION: after[ENCRYPTION]})
        else:
            firehose("StopDeliveryStreamEncryption", name)
    _change_tags(firehose, name, before, after)
    return _at_rest(firehose, name)


def _destination(properties: Properties) -> str | None:
    """What the destination's members begin with."""
    return next((name for name in ABSENT if f"{name}Configuration" in properties), None)


def _change_destination(firehose: Firehose, name: str, destination: str, after: Properties) -> None:
    shown = firehose.described(name)
    if shown is None:
        raise CallRefused(NOT_FOUND, f"{name} does not exist.")
    wanted = {**ABSENT[destination], **after[f"{destination}Configuration"]}
    for member in UPDATES:
        if member in wanted:
            wanted[member] = {**BUCKET, **wanted[member]}
    update = {UPDATES.get(member, member): value for member, value in wanted.items()}
    firehose(
        "UpdateDestination",
        name,
        CurrentDeliveryStreamVersionId=shown["VersionId"],
        DestinationId=shown["Destinations"][0]["DestinationId"],
        **{f"{destination}Update": update},
    )


def _change_tags(firehose: Firehose, name: str, before: Properties, after: Properties) -> None:
    old, new = ({tag["Key"]: tag for tag in each.get("Tags", ())} for each in (before, after))
    gone = sorted(old.keys() - new.keys())
    if gone:
        firehose("UntagDeliveryStream", name, TagKeys=gone)
    changed = [tag for key, tag in new.items() if old.get(key) != tag]
    if changed:
        firehose("TagDeliveryStream", name, Tags=changed)


def delete_delivery_stream(firehose: Firehose, made: Resource) -> None:
    """And wait until it is gone, so that its name is free. Raises `CallRefused`."""
    name = made.identifier
    try:
        firehose("DeleteDeliveryStream", name)
    except CallRefused as error:
        if error.code != NOT_FOUND:
            raise
        return
    at_rest(name, lambda: {} if firehose.described(name) is None else None)


DELIVERY_STREAM_TYPES: dict[str, ResourceType] = {
    DELIVERY_STREAM_TYPE: ResourceType(
        frozenset({"Arn"}),
        "DeliveryStreamName",
        create_delivery_stream,
        update_delivery_stream,
        delete_delivery_stream,
        current_firehose,
    ),
}
