"""Delivery streams: one immutable value holds all that is known about one.

As for streams, a transition that takes time is part of the value, so that a restart completes it:
`settled` is the delivery stream after what is due. A destination is kept as `destinations.py` has
checked it: the API's own members, with their defaults.

Refuses to know who delivers, and how far.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from headwater.model.partition import partition_of

State = Literal["CREATING", "ACTIVE", "DELETING"]
SourceType = Literal["DirectPut", "KinesisStreamAsSource"]
DestinationType = Literal["ExtendedS3", "HttpEndpoint"]
DESTINATION_ID = "destinationId-000000000001"
"""A delivery stream has one destination."""


class DeliveryStreamId(NamedTuple):
    """The whole name of a delivery stream: unique over all accounts and regions."""

    account_id: str
    region: str
    name: str


class Encryption(msgspec.Struct, frozen=True):
    """Server-side encryption, which is kept and shown: what is at rest here is not encrypted."""

    key_type: str
    key_arn: str | None = None
    is_enabled: bool = True


class DeliveryStream(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery stream."""

    account_id: str
    region: str
    name: str
    source_type: SourceType
    state: State = "CREATING"
    due_ms: int | None = None
    """When the present transition ends; `None` when there is none."""
    created_ms: int
    updated_ms: int | None = None
    version: int = 1
    stream_arn: str | None = None
    """The stream that is read; `None` with direct puts."""
    role_arn: str | None = None
    """Of who reads it."""
    log_id: int | None = None
    """The log of what was put directly; `None` with a stream."""
    throughput_hint_mbs: int | None = None
    destination_type: DestinationType
    destination: dict[str, Any]
    encryption: Encryption | None = None
    tags: dict[str, str] = {}  # msgspec copies the default

    @property
    def id(self) -> DeliveryStreamId:
        """Its whole name."""
        return DeliveryStreamId(self.account_id, self.region, self.name)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return (
            f"arn:{partition_of(self.region)}:firehose:{self.region}:{self.account_id}"
            f":deliverystream/{self.name}"
        )

    @property
    def is_encrypted(self) -> bool:
        """Whether records that are put count as encrypted."""
        return self.encryption is not None and self.encryption.is_enabled


def settled(stream: DeliveryStream, now_ms: int) -> DeliveryStream | None:
    """The delivery stream as of now: after its transition if that is due, `None` when it is gone."""
    if stream.due_ms is None or stream.due_ms > now_ms:
        return stream
    if stream.state == "DELETING":
        return None
    return msgspec.structs.replace(stream, state="ACTIVE", due_ms=None)


def description(stream: DeliveryStream) -> dict[str, Any]:
    """The delivery stream as `DescribeDeliveryStream` has it. Moments are in seconds."""
    document: dict[str, Any] = {
        "DeliveryStreamName": stream.name,
        "DeliveryStreamARN": stream.arn,
        "DeliveryStreamStatus": stream.state,
        "DeliveryStreamEncryptionConfiguration": _encryption(stream.encryption),
        "DeliveryStreamType": stream.source_type,
        "VersionId": str(stream.version),
        "CreateTimestamp": stream.created_ms / 1000,
        "Destinations": [_destination(stream)],
        "HasMoreDestinations": False,
    }
    if stream.updated_ms is not None:
        document["LastUpdateTimestamp"] = stream.updated_ms / 1000
    if stream.stream_arn is not None:
        document["Source"] = {
            "KinesisStreamSourceDescription": {
                "KinesisStreamARN": stream.stream_arn,
                "RoleARN": stream.role_arn,
                "DeliveryStartTimestamp": stream.created_ms / 1000,
            }
        }
    elif stream.throughput_hint_mbs is not None:
        hint = {"ThroughputHintInMBs": stream.throughput_hint_mbs}
        document["Source"] = {"DirectPutSourceDescription": hint}
    return document


def _encryption(encryption: Encryption | None) -> dict[str, Any]:
    if encryption is None or not encryption.is_enabled:
        return {"Status": "DISABLED"}
    document = {"KeyType": encryption.key_type, "Status": "ENABLED"}
    return document if encryption.key_arn is None else document | {"KeyARN": encryption.key_arn}


OF_PLAIN_S3 = (
    "RoleARN",
    "BucketARN",
    "Prefix",
    "ErrorOutputPrefix",
    "BufferingHints",
    "CompressionFormat",
    "EncryptionConfiguration",
    "CloudWatchLoggingOptions",
)
"""The members that a plain description of a bucket has as well as an extended one."""


def _destination(stream: DeliveryStream) -> dict[str, Any]:
    document = stream.destination
    if stream.destination_type == "HttpEndpoint":
        endpoint = {
            name: value for name, value in document["EndpointConfiguration"].items() if name != "AccessKey"
        }
        shown = document | {"EndpointConfiguration": endpoint}
        shown["S3DestinationDescription"] = shown.pop("S3Configuration")
        return {"DestinationId": DESTINATION_ID, "HttpEndpointDestinationDescription": shown}
    extended = dict(document)
    backup = extended.pop("S3BackupConfiguration", None)
    if backup is not None:
        extended["S3BackupDescription"] = backup
    plain = {name: document[name] for name in OF_PLAIN_S3 if name in document}
    return {
        "DestinationId": DESTINATION_ID,
        "S3DestinationDescription": plain,
        "ExtendedS3DestinationDescription": extended,
    }
