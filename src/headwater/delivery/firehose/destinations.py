"""Destinations: which one a request names, checked, with the defaults that AWS gives it.

Rules:
- one destination; buckets and HTTP endpoints are delivered to, others are refused by name;
- an update is merged into what there is, member by member, if the type stays the same;
- bounds of single members are the API model's, checked before; here are the rules that it does not
  tell, and those across members. The texts were recorded from AWS where a source shows them.

Refuses to know how a destination is delivered to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from headwater.delivery.firehose.delivery_stream import DestinationType
from headwater.delivery.firehose.errors import InvalidArgument, NotOffered
from headwater.delivery.firehose.object_names import (
    FROM_LAMBDA,
    FROM_QUERY,
    check_prefixes,
    keys_named,
    zone_of,
)
from headwater.delivery.firehose.processing import Processing, read_processing

LARGE_BUFFER_MB = 64
"""The least buffer with format conversion or dynamic partitioning."""
LARGE_DEFAULT_MB = 128
DEFAULT_MB, DEFAULT_INTERVAL_S = 5, 300
HTTP_DEFAULT_INTERVAL_S = 300
RETRY_S = 300
MILLIS = "millis"
COMPRESSIONS = ("UNCOMPRESSED", "GZIP", "ZIP", "Snappy", "HADOOP_SNAPPY")
UNCOMPRESSED = "UNCOMPRESSED"

Document = dict[str, Any]

ONE_DESTINATION = "Exactly one destination configuration is supported for a Firehose"
CONVERSION_COMPRESSED = (
    "CompressionFormat must be set to UNCOMPRESSED when data format conversion is enabled. To enable "
    "compression within the converted output format, set the appropriate serialization option in the output "
    "format configuration."
)


class CheckedDestination(NamedTuple):
    """A destination as it is kept."""

    type: DestinationType
    document: Document


OFFERED: dict[str, DestinationType] = {
    "S3Destination": "ExtendedS3",
    "ExtendedS3Destination": "ExtendedS3",
    "HttpEndpointDestination": "HttpEndpoint",
}
"""What the names of requests' members begin with; `Configuration` or `Update` follows."""
OTHERS = {
    "AmazonOpenSearchServerlessDestination": "Amazon OpenSearch Serverless",
    "AmazonopensearchserviceDestination": "Amazon OpenSearch Service",
    "ElasticsearchDestination": "Amazon Elasticsearch Service",
    "IcebergDestination": "Apache Iceberg tables",
    "RedshiftDestination": "Amazon Redshift",
    "SnowflakeDestination": "Snowflake",
    "SplunkDestination": "Splunk",
}
"""Destinations that nothing here delivers to, and what they are called."""


def destination_in(request: Mapping[str, Any]) -> CheckedDestination:
    """The destination that a CreateDeliveryStream asks for.

    Raises `InvalidArgument`, and `NotOffered` for one that is not delivered to.
    """
    name = _named(request, "Configuration")
    kind = OFFERED[name]
    return CheckedDestination(kind, _checked(kind, request[f"{name}Configuration"]))


def updated_destination(before: CheckedDestination, request: Mapping[str, Any]) -> CheckedDestination:
    """The destination after an UpdateDestination. Raises `InvalidArgument` and `NotOffered`."""
    name = _named(request, "Update")
    kind = OFFERED[name]
    update = dict(request[f"{name}Update"])
    _rename(update, "S3BackupUpdate", "S3BackupConfiguration")
    _rename(update, "S3Update", "S3Configuration")
    if kind != before.type:
        return CheckedDestination(kind, _checked(kind, update))
    merged = dict(before.document)
    for member, value in update.items():
        nested = member in ("S3BackupConfiguration", "S3Configuration")
        merged[member] = {**merged.get(member, {}), **value} if nested else value
    _refuse_change(before.document, merged)
    return CheckedDestination(kind, _checked(kind, merged))


def _rename(update: Document, before: str, after: str) -> None:
    if before in update:
        update[after] = update.pop(before)


def _refuse_change(before: Document, after: Document) -> None:
    """What AWS does not let be changed."""
    if before.get("S3BackupMode") == "Enabled" and after.get("S3BackupMode") == "Disabled":
        raise InvalidArgument("S3BackupMode cannot be changed from Enabled to Disabled.")
    if is_partitioned(before) != is_partitioned(after):
        raise InvalidArgument(
            "Dynamic Partitioning cannot be enabled or disabled for an existing delivery stream."
        )


def _named(request: Mapping[str, Any], ending: str) -> str:
    """The one destination that a request names, without its ending."""
    for name, title in OTHERS.items():
        if request.get(name + ending) is not None:
            raise NotOffered(
                f"Headwater does not deliver to {title} ({name}{ending}): destinations are S3 and HTTP "
                "endpoints."
            )
    named = [name for name in OFFERED if request.get(name + ending) is not None]
    if len(named) != 1:
        raise InvalidArgument(ONE_DESTINATION)
    return named[0]


def _checked(kind: DestinationType, document: Document) -> Document:
    return _checked_endpoint(document) if kind == "HttpEndpoint" else _checked_extended(document)


# Buckets


def _checked_bucket(document: Document, member: str) -> Document:
    """A bucket with its defaults; nothing in it is about records."""
    missing = [name for name in ("RoleARN", "BucketARN") if not document.get(name)]
    if missing:
        raise InvalidArgument(f"{missing[0]} must be specified in {member}.")
    check_prefixes(document.get("Prefix") or "", document.get("ErrorOutputPrefix") or "")
    return {
        **document,
        "BufferingHints": _hints(document, DEFAULT_MB, DEFAULT_INTERVAL_S),
        "CompressionFormat": document.get("CompressionFormat", UNCOMPRESSED),
        "EncryptionConfiguration": document.get(
            "EncryptionConfiguration", {"NoEncryptionConfig": "NoEncryption"}
        ),
        "CloudWatchLoggingOptions": _logging(document),
    }


def _hints(document: Document, size_mb: int, interval_s: int) -> Document:
    hints = document.get("BufferingHints")
    if not hints:
        return {"SizeInMBs": size_mb, "IntervalInSeconds": interval_s}
    if len(hints.keys() & {"SizeInMBs", "IntervalInSeconds"}) == 1:
        raise InvalidArgument("BufferingHints must have both SizeInMBs and IntervalInSeconds, or neither.")
    return dict(hints)


def _logging(document: Document) -> Document:
    options = document.get("CloudWatchLoggingOptions") or {}
    if options.get("Enabled") and not (options.get("LogGroupName") and options.get("LogStreamName")):
        raise InvalidArgument(
            "LogGroupName and LogStreamName must be specified when CloudWatchLoggingOptions is enabled."
        )
    return {"Enabled": False, **options}


def _checked_extended(document: Document) -> Document:
    converts, partitions = is_converted(document), is_partitioned(document)
    size_mb = LARGE_DEFAULT_MB if converts or partitions else DEFAULT_MB
    checked = _checked_bucket(
        document | {"BufferingHints": _hints(document, size_mb, DEFAULT_INTERVAL_S)},
        "ExtendedS3DestinationConfiguration",
    )
    zone_of(document.get("CustomTimeZone") or "")
    processing = read_processing(document.get("ProcessingConfiguration"))
    checked.setdefault("ProcessingConfiguration", {"Enabled": False, "Processors": []})
    _check_size(checked, converts=converts, partitions=partitions)
    if converts:
        _check_conversion(checked)
    _check_keys(checked.get("Prefix") or "", processing, partitions=partitions)
    backup = document.get("S3BackupConfiguration")
    checked.setdefault("S3BackupMode", "Disabled")
    if checked["S3BackupMode"] == "Enabled" and backup is None:
        raise InvalidArgument("S3BackupConfiguration must be specified when S3BackupMode is Enabled.")
    if backup is not None:
        checked["S3BackupConfiguration"] = _checked_bucket(backup, "S3BackupConfiguration")
    return checked


def is_converted(document: Document) -> bool:
    """Whether records are converted to another format."""
    conversion = document.get("DataFormatConversionConfiguration")
    return conversion is not None and conversion.get("Enabled", True)


def is_partitioned(document: Document) -> bool:
    """Whether records are partitioned by what is in them."""
    return bool((document.get("DynamicPartitioningConfiguration") or {}).get("Enabled"))


def _check_size(document: Document, *, converts: bool, partitions: bool) -> None:
    if document["BufferingHints"]["SizeInMBs"] >= LARGE_BUFFER_MB:
        return
    for is_on, what in ((converts, "data format conversion"), (partitions, "Dynamic Partitioning")):
        if is_on:
            raise InvalidArgument(
                f"BufferingHints.SizeInMBs must be at least {LARGE_BUFFER_MB} when {what} is enabled."
            )


def _check_conversion(document: Document) -> None:
    if document["CompressionFormat"] != UNCOMPRESSED:
        raise InvalidArgument(CONVERSION_COMPRESSED)
    conversion = document["DataFormatConversionConfiguration"]
    for member in ("SchemaConfiguration", "InputFormatConfiguration", "OutputFormatConfiguration"):
        if not conversion.get(member):
            raise InvalidArgument(f"{member} must be specified when data format conversion is enabled.")
    for member in ("RoleARN", "DatabaseName", "TableName"):
        if not conversion["SchemaConfiguration"].get(member):
            raise InvalidArgument(f"SchemaConfiguration.{member} must be specified.")
    _exactly_one(
        conversion["InputFormatConfiguration"].get("Deserializer"),
        "Deserializer",
        ("OpenXJsonSerDe", "HiveJsonSerDe"),
    )
    _exactly_one(
        conversion["OutputFormatConfiguration"].get("Serializer"), "Serializer", ("ParquetSerDe", "OrcSerDe")
    )
    _refuse_patterns(conversion)


def _refuse_patterns(conversion: Document) -> None:
    """What one of the readers of JSON can be told, and nothing here reads."""
    formats = (conversion["InputFormatConfiguration"]["Deserializer"].get("HiveJsonSerDe") or {}).get(
        "TimestampFormats"
    )
    if set(formats or ()) - {MILLIS}:
        raise NotOffered(f"Headwater reads no TimestampFormats of HiveJsonSerDe but {MILLIS}.")


def _exactly_one(document: Document | None, member: str, choices: tuple[str, ...]) -> None:
    if sum(choice in (document or {}) for choice in choices) != 1:
        raise InvalidArgument(f"{member} must have exactly one of {' and '.join(choices)}.")


def _check_keys(prefix: str, processing: Processing, *, partitions: bool) -> None:
    from_query, from_lambda = keys_named(prefix, FROM_QUERY), keys_named(prefix, FROM_LAMBDA)
    if not partitions:
        if from_query or from_lambda:
            raise InvalidArgument("Dynamic Partitioning must be enabled when Prefix contains partition keys.")
        if processing.query is not None:
            raise InvalidArgument(
                "MetadataExtraction processor can only be present when Dynamic Partitioning is enabled."
            )
        return
    if from_query and processing.query is None:
        raise InvalidArgument(
            "MetadataExtraction processor should be present when S3 Prefix has partitionKeyFromQuery "
            "namespace."
        )
    if from_lambda and processing.transformation is None:
        raise InvalidArgument(
            "Lambda should be present when S3 Prefix contains keys from partitionKeyFromLambda namespace."
        )
    if not from_query and not from_lambda:
        raise InvalidArgument("Prefix must contain partition keys when Dynamic Partitioning is enabled.")


# HTTP endpoints


def _checked_endpoint(document: Document) -> Document:
    if not document.get("EndpointConfiguration") or not document.get("S3Configuration"):
        raise InvalidArgument(
            "EndpointConfiguration and S3Configuration must be specified in "
            "HttpEndpointDestinationConfiguration."
        )
    if (document.get("SecretsManagerConfiguration") or {}).get("Enabled"):
        raise NotOffered("Headwater reads no access keys of endpoints from Secrets Manager: give AccessKey.")
    processing = read_processing(document.get("ProcessingConfiguration"))
    if processing.query is not None:
        raise InvalidArgument("MetadataExtraction processor is only supported for S3 destinations.")
    request = {"ContentEncoding": "NONE", **(document.get("RequestConfiguration") or {})}
    return {
        **document,
        "BufferingHints": _hints(document, DEFAULT_MB, HTTP_DEFAULT_INTERVAL_S),
        "CloudWatchLoggingOptions": _logging(document),
        "RequestConfiguration": request,
        "ProcessingConfiguration": document.get(
            "ProcessingConfiguration", {"Enabled": False, "Processors": []}
        ),
        "RetryOptions": {"DurationInSeconds": RETRY_S, **(document.get("RetryOptions") or {})},
        "S3BackupMode": document.get("S3BackupMode", "FailedDataOnly"),
        "S3Configuration": _checked_bucket(document["S3Configuration"], "S3Configuration"),
    }
