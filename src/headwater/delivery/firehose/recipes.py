"""What a delivery stream's configuration means for its batches: a recipe, made anew when it changes.

Refuses to know records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from headwater.delivery.compression import COMPRESSIONS, Compression
from headwater.delivery.delivery import Hints
from headwater.delivery.firehose.conversion_settings import ConversionSettings, read_conversion
from headwater.delivery.firehose.delivery_stream import DeliveryStream
from headwater.delivery.firehose.destinations import UNCOMPRESSED, CheckedDestination, is_partitioned
from headwater.delivery.firehose.endpoint import EndpointSettings, read_endpoint
from headwater.delivery.firehose.object_names import (
    FROM_LAMBDA,
    FROM_QUERY,
    ObjectNaming,
    keys_named,
    zone_of,
)
from headwater.delivery.firehose.partition_keys import Program, program_of
from headwater.delivery.firehose.processing import MB, Processing, read_processing
from headwater.delivery.objects import Bucket, ObjectOptions
from headwater.delivery.results import object_place

EXTENSIONS = {"GZIP": ".gz", "ZIP": ".zip", "Snappy": ".snappy", "HADOOP_SNAPPY": ".hsnappy"}
"""What ends the name of an object that is compressed so."""


class ObjectTarget(NamedTuple):
    """A bucket, and how its objects are named and written."""

    bucket: Bucket
    naming: ObjectNaming
    compression: Compression
    options: ObjectOptions


@dataclass(frozen=True)
class Recipe:
    """One configuration of a delivery stream."""

    stream: DeliveryStream
    hints: Hints
    processing: Processing
    target: ObjectTarget
    """Where records go, or what an endpoint did not take."""
    backup: ObjectTarget | None
    """Where records go as they were put."""
    endpoint: EndpointSettings | None
    conversion: ConversionSettings | None
    is_partitioned: bool
    program: Program | None
    """What finds partition keys."""
    names_from_query: frozenset[str]
    names_from_lambda: frozenset[str]

    @property
    def is_plain(self) -> bool:
        """Whether records go into one object as they are."""
        needs_items = self.processing._replace(delimiter=None) != Processing()
        return (
            not needs_items and not self.is_partitioned and self.conversion is None and self.endpoint is None
        )


def recipe_of(stream: DeliveryStream) -> Recipe:
    """The recipe of a configuration that has been checked."""
    document = stream.destination
    is_endpoint = stream.destination_type == "HttpEndpoint"
    bucket = document["S3Configuration"] if is_endpoint else document
    conversion = None if is_endpoint else read_conversion(stream, document)
    processing = read_processing(document.get("ProcessingConfiguration"))
    hints, prefix = document["BufferingHints"], bucket.get("Prefix") or ""
    return Recipe(
        stream=stream,
        hints=Hints(hints["SizeInMBs"] * MB, hints["IntervalInSeconds"] * 1000),
        processing=processing,
        target=_target(stream, bucket, conversion),
        backup=_backup(stream),
        endpoint=read_endpoint(stream.arn, document) if is_endpoint else None,
        conversion=conversion,
        is_partitioned=is_partitioned(document),
        program=None if processing.query is None else program_of(processing.query),
        names_from_query=frozenset(keys_named(prefix, FROM_QUERY)),
        names_from_lambda=frozenset(keys_named(prefix, FROM_LAMBDA)),
    )


def place_of(stream: DeliveryStream) -> str:
    """Where a delivery stream delivers to: the address of its bucket, or of its endpoint."""
    if stream.destination_type == "HttpEndpoint":
        return str(stream.destination["EndpointConfiguration"]["Url"])
    return _address(stream.destination, "Prefix")


def set_aside_to(stream: DeliveryStream) -> str:
    """The address of what cannot be delivered."""
    is_endpoint = stream.destination_type == "HttpEndpoint"
    return _address(
        stream.destination["S3Configuration"] if is_endpoint else stream.destination, "ErrorOutputPrefix"
    )


def _address(document: dict[str, Any], prefix: str) -> str:
    """The address of a bucket's objects; `prefix` is the member that has what their names begin with."""
    return object_place(Bucket.of_arn(document["BucketARN"]).name, document.get(prefix) or "")


def check_expressions(destination: CheckedDestination) -> None:
    """Raise `InvalidArgument` for a JQ program that is none, `NotOffered` for one that nothing here runs."""
    processing = read_processing(destination.document.get("ProcessingConfiguration"))
    if processing.query is not None:
        program_of(processing.query)


def _target(
    stream: DeliveryStream, document: dict[str, Any], conversion: ConversionSettings | None = None
) -> ObjectTarget:
    name = document["CompressionFormat"]
    compression = COMPRESSIONS["NONE" if name == UNCOMPRESSED else name.upper()]
    default = EXTENSIONS.get(name, "") if conversion is None else conversion.extension
    naming = ObjectNaming(
        stream.name,
        stream.version,
        document.get("Prefix") or "",
        document.get("ErrorOutputPrefix") or "",
        document.get("FileExtension") or default,
        zone_of(document.get("CustomTimeZone") or ""),
    )
    key = document["EncryptionConfiguration"].get("KMSEncryptionConfig") or {}
    options = ObjectOptions(content_encoding=compression.content_encoding, kms_key_id=key.get("AWSKMSKeyARN"))
    return ObjectTarget(Bucket.of_arn(document["BucketARN"]), naming, compression, options)


def _backup(stream: DeliveryStream) -> ObjectTarget | None:
    document = stream.destination
    if stream.destination_type == "HttpEndpoint":
        return _target(stream, document["S3Configuration"]) if document["S3BackupMode"] == "AllData" else None
    if document["S3BackupMode"] != "Enabled":
        return None
    return _target(stream, document["S3BackupConfiguration"])
