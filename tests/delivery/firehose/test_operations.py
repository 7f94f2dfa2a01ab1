"""The operations of the Firehose API, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.testing import Headwater
from tests.delivery.firehose.conftest import ROLE, Create, processing
from tests.neighbours.conftest import ClientOf, clients_for

BUCKET = "arn:aws:s3:::anywhere"
TO_BUCKET = {"RoleARN": ROLE, "BucketARN": BUCKET}
LARGE = {"SizeInMBs": 64, "IntervalInSeconds": 60}
FROM_QUERY = ("MetadataExtraction", {"MetadataExtractionQuery": "{a: .a}", "JsonParsingEngine": "JQ-1.6"})

Refused = Callable[..., tuple[str, str]]


@pytest.fixture
def refused(firehose: Any) -> Refused:
    """Makes a call that is refused; gives the error's code and message."""

    def refused(operation: str, **members: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as error:
            getattr(firehose, operation)(**members)
        found = error.value.response["Error"]
        return found["Code"], found["Message"]

    return refused


def test_a_delivery_stream_is_described_as_it_was_made(create: Create, firehose: Any) -> None:
    name = create(
        BufferingHints={"SizeInMBs": 2, "IntervalInSeconds": 0},
        S3BackupMode="Enabled",
        S3BackupConfiguration=TO_BUCKET,
    )
    described = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    assert described["DeliveryStreamStatus"] == "ACTIVE"
    assert described["DeliveryStreamType"] == "DirectPut"
    assert described["DeliveryStreamARN"] == f"arn:aws:firehose:us-east-1:000000000000:deliverystream/{name}"
    assert described["DeliveryStreamEncryptionConfiguration"] == {"Status": "DISABLED"}
    (destination,) = described["Destinations"]
    assert destination["DestinationId"] == "destinationId-000000000001"
    extended = destination["ExtendedS3DestinationDescription"]
    assert extended["BufferingHints"] == {"SizeInMBs": 2, "IntervalInSeconds": 0}
    assert extended["CompressionFormat"] == "UNCOMPRESSED"
    assert extended["S3BackupDescription"]["BufferingHints"] == {"SizeInMBs": 5, "IntervalInSeconds": 300}
    assert destination["S3DestinationDescription"]["BucketARN"] == extended["BucketARN"]


def test_states_take_the_time_of_transitions() -> None:
    with Headwater(transition_ms=60_000) as headwater:
        firehose = clients_for(headwater.endpoint_url)("firehose")

        def status() -> str:
            described = firehose.describe_delivery_stream(DeliveryStreamName="slow")
            found: str = described["DeliveryStreamDescription"]["DeliveryStreamStatus"]
            return found

        firehose.create_delivery_stream(DeliveryStreamName="slow", S3DestinationConfiguration=TO_BUCKET)
        assert status() == "CREATING"
        with pytest.raises(firehose.exceptions.ResourceNotFoundException):
            firehose.put_record(DeliveryStreamName="slow", Record={"Data": b""})
        with pytest.raises(firehose.exceptions.ResourceInUseException):
            firehose.delete_delivery_stream(DeliveryStreamName="slow")
        headwater.clock.advance(minutes=1)
        assert status() == "ACTIVE"
        firehose.put_record(DeliveryStreamName="slow", Record={"Data": b""})
        firehose.delete_delivery_stream(DeliveryStreamName="slow")
        assert status() == "DELETING"
        headwater.clock.advance(minutes=1)
        with pytest.raises(firehose.exceptions.ResourceNotFoundException):
            status()
        firehose.create_delivery_stream(DeliveryStreamName="slow", S3DestinationConfiguration=TO_BUCKET)
        assert status() == "CREATING"


def test_names_are_listed_in_pages_by_type(client_of: ClientOf) -> None:
    firehose, kinesis = (client_of(name, region_name="eu-west-1") for name in ("firehose", "kinesis"))
    kinesis.create_stream(StreamName="listed", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="listed")["StreamDescriptionSummary"]["StreamARN"]
    for name in ("c", "a", "b"):
        firehose.create_delivery_stream(DeliveryStreamName=name, S3DestinationConfiguration=TO_BUCKET)
    firehose.create_delivery_stream(
        DeliveryStreamName="d",
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
        S3DestinationConfiguration=TO_BUCKET,
    )
    page = firehose.list_delivery_streams(Limit=2)
    assert (page["DeliveryStreamNames"], page["HasMoreDeliveryStreams"]) == (["a", "b"], True)
    page = firehose.list_delivery_streams(ExclusiveStartDeliveryStreamName="b")
    assert (page["DeliveryStreamNames"], page["HasMoreDeliveryStreams"]) == (["c", "d"], False)
    page = firehose.list_delivery_streams(DeliveryStreamType="KinesisStreamAsSource")
    assert page["DeliveryStreamNames"] == ["d"]
    source = firehose.describe_delivery_stream(DeliveryStreamName="d")["DeliveryStreamDescription"]["Source"]
    assert source["KinesisStreamSourceDescription"]["KinesisStreamARN"] == arn


def test_tags_are_kept_listed_and_removed(create: Create, firehose: Any, refused: Refused) -> None:
    name = create()
    firehose.tag_delivery_stream(
        DeliveryStreamName=name, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a"}, {"Key": "c", "Value": "3"}]
    )
    listed = firehose.list_tags_for_delivery_stream(DeliveryStreamName=name, Limit=2)
    assert listed["Tags"] == [{"Key": "a", "Value": ""}, {"Key": "b", "Value": "2"}]
    assert listed["HasMoreTags"] is True
    firehose.untag_delivery_stream(DeliveryStreamName=name, TagKeys=["a", "b"])
    listed = firehose.list_tags_for_delivery_stream(DeliveryStreamName=name)
    assert listed["Tags"] == [{"Key": "c", "Value": "3"}]
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    assert refused("tag_delivery_stream", DeliveryStreamName=name, Tags=many)[0] == "LimitExceededException"


def test_encryption_is_started_shown_and_stopped(create: Create, firehose: Any) -> None:
    name = create()

    def shown() -> dict[str, str]:
        described = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
        found: dict[str, str] = described["DeliveryStreamEncryptionConfiguration"]
        return found

    firehose.start_delivery_stream_encryption(DeliveryStreamName=name)
    assert shown() == {"KeyType": "AWS_OWNED_CMK", "Status": "ENABLED"}
    assert firehose.put_record(DeliveryStreamName=name, Record={"Data": b""})["Encrypted"] is True
    firehose.stop_delivery_stream_encryption(DeliveryStreamName=name)
    assert shown() == {"Status": "DISABLED"}


def test_names_that_exist_or_do_not_are_told_as_by_aws(create: Create, refused: Refused) -> None:
    name = create()
    assert refused(
        "create_delivery_stream", DeliveryStreamName=name, S3DestinationConfiguration=TO_BUCKET
    ) == ("ResourceInUseException", f"Firehose {name} under accountId 000000000000 already exists")
    assert refused("put_record", DeliveryStreamName="none", Record={"Data": b""}) == (
        "ResourceNotFoundException",
        "Firehose none under account 000000000000 not found.",
    )


def test_limits_of_records_and_batches(create: Create, firehose: Any, refused: Refused) -> None:
    name = create()
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"x" * 1_024_000})
    code, message = refused("put_record", DeliveryStreamName=name, Record={"Data": b"x" * 1_024_001})
    assert code == "ValidationException"
    assert (
        "at 'record.data' failed to satisfy constraint: Member must have length less than or equal" in message
    )
    records = [{"Data": b""}] * 500
    assert firehose.put_record_batch(DeliveryStreamName=name, Records=records)["FailedPutCount"] == 0
    code, message = refused("put_record_batch", DeliveryStreamName=name, Records=[*records, {"Data": b""}])
    assert code == "ValidationException"
    assert "at 'records' failed to satisfy constraint" in message
    assert "length less than or equal to 500" in message
    full = [{"Data": b"x" * 1_024_000}] * 4
    firehose.put_record_batch(DeliveryStreamName=name, Records=full)
    assert refused("put_record_batch", DeliveryStreamName=name, Records=[*full, {"Data": b"x" * 98_305}]) == (
        "InvalidArgumentException",
        "Records size exceeds 4 MB limit",
    )


def test_records_beyond_the_quota_are_refused_one_by_one_if_limits_are_enforced() -> None:
    with Headwater(enforce_limits=True) as headwater:
        firehose = clients_for(headwater.endpoint_url)("firehose")
        firehose.create_delivery_stream(DeliveryStreamName="limited", S3DestinationConfiguration=TO_BUCKET)
        headwater.clock.stop()
        full = [{"Data": b"x" * 1_000_000}] * 4
        assert firehose.put_record_batch(DeliveryStreamName="limited", Records=full)["FailedPutCount"] == 0
        answer = firehose.put_record_batch(DeliveryStreamName="limited", Records=[*full[:2], {"Data": b"x"}])
        assert answer["FailedPutCount"] == 1
        first, second, third = answer["RequestResponses"]
        assert second == {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
        assert first["RecordId"] != third["RecordId"]
        with pytest.raises(firehose.exceptions.ServiceUnavailableException):
            firehose.put_record(DeliveryStreamName="limited", Record={"Data": b"x" * 1_000_000})
        headwater.clock.advance(seconds=1)
        firehose.put_record(DeliveryStreamName="limited", Record={"Data": b"x" * 1_000_000})


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "Exactly one destination configuration is supported for a Firehose"),
        (
            {"S3DestinationConfiguration": TO_BUCKET, "ExtendedS3DestinationConfiguration": TO_BUCKET},
            "Exactly one destination configuration is supported for a Firehose",
        ),
        (
            {"DeliveryStreamType": "KinesisStreamAsSource", "S3DestinationConfiguration": TO_BUCKET},
            "KinesisStreamSourceConfiguration must be specified",
        ),
    ],
)
def test_requests_that_do_not_fit_together_are_refused(
    refused: Refused, members: dict[str, Any], said: str
) -> None:
    code, message = refused("create_delivery_stream", DeliveryStreamName="refused", **members)
    assert code == "InvalidArgumentException"
    assert said in message


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"BufferingHints": {"SizeInMBs": 1}}, "both SizeInMBs and IntervalInSeconds"),
        ({"S3BackupMode": "Enabled"}, "S3BackupConfiguration must be specified"),
        ({"Prefix": "!{timestamp:yyyy}/"}, "ErrorOutputPrefix cannot be null or empty when Prefix contains"),
        ({"CustomTimeZone": "Mars/Olympus"}, "not a supported time zone"),
        ({"CloudWatchLoggingOptions": {"Enabled": True}}, "LogGroupName and LogStreamName"),
        ({"ProcessingConfiguration": processing(("Lambda", {}))}, "LambdaArn parameter must be specified"),
        (
            {"ProcessingConfiguration": processing(("Lambda", {"LambdaArn": "x", "BufferSizeInMBs": "4"}))},
            "BufferSizeInMBs must be between 0.2 and 3",
        ),
        ({"ProcessingConfiguration": processing(FROM_QUERY)}, "when Dynamic Partitioning is enabled"),
        (
            {"Prefix": "!{partitionKeyFromQuery:a}/", "ErrorOutputPrefix": "e/"},
            "Dynamic Partitioning must be enabled",
        ),
    ],
)
def test_destinations_that_cannot_be_are_refused(
    refused: Refused, members: dict[str, Any], said: str
) -> None:
    destination = TO_BUCKET | members
    asked = {"DeliveryStreamName": "refused", "ExtendedS3DestinationConfiguration": destination}
    code, message = refused("create_delivery_stream", **asked)
    assert code == "InvalidArgumentException"
    assert said in message


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            {"BufferingHints": {"SizeInMBs": 63, "IntervalInSeconds": 60}},
            "BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled.",
        ),
        (
            {"Prefix": "!{partitionKeyFromQuery:a}/"},
            "MetadataExtraction processor should be present when S3 Prefix has partitionKeyFromQuery",
        ),
        (
            {"Prefix": "!{partitionKeyFromLambda:a}/"},
            "Lambda should be present when S3 Prefix contains keys from partitionKeyFromLambda namespace.",
        ),
        ({"Prefix": "plain/"}, "Prefix must contain partition keys"),
        (
            {
                "Prefix": "!{partitionKeyFromQuery:a}/",
                "ProcessingConfiguration": processing(
                    ("MetadataExtraction", {"MetadataExtractionQuery": "{a: .a"})
                ),
            },
            "MetadataExtractionQuery is not a valid JQ expression",
        ),
    ],
)
def test_partitions_that_cannot_be_are_refused(refused: Refused, members: dict[str, Any], said: str) -> None:
    destination = {
        **TO_BUCKET,
        "ErrorOutputPrefix": "errors/",
        "BufferingHints": LARGE,
        "DynamicPartitioningConfiguration": {"Enabled": True},
        **members,
    }
    asked = {"DeliveryStreamName": "refused", "ExtendedS3DestinationConfiguration": destination}
    code, message = refused("create_delivery_stream", **asked)
    assert code == "InvalidArgumentException"
    assert said in message


CONVERSION = {
    "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": "d", "TableName": "t"},
    "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
    "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            {"BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60}},
            "BufferingHints.SizeInMBs must be at least 64 when data format conversion is enabled.",
        ),
        ({"CompressionFormat": "GZIP"}, "CompressionFormat must be set to UNCOMPRESSED when data format"),
        (
            {"DataFormatConversionConfiguration": {"Enabled": True}},
            "SchemaConfiguration must be specified when data format conversion is enabled.",
        ),
        (
            {
                "DataFormatConversionConfiguration": CONVERSION
                | {"OutputFormatConfiguration": {"Serializer": {}}}
            },
            "Serializer must have exactly one of ParquetSerDe and OrcSerDe.",
        ),
    ],
)
def test_conversions_that_cannot_be_are_refused(refused: Refused, members: dict[str, Any], said: str) -> None:
    destination = {**TO_BUCKET, "DataFormatConversionConfiguration": CONVERSION, **members}
    asked = {"DeliveryStreamName": "refused", "ExtendedS3DestinationConfiguration": destination}
    code, message = refused("create_delivery_stream", **asked)
    assert code == "InvalidArgumentException"
    assert said in message


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            {
                "RedshiftDestinationConfiguration": {
                    "RoleARN": ROLE,
                    "ClusterJDBCURL": "jdbc:redshift://c.abc.us-east-1.redshift.amazonaws.com:5439/db",
                    "CopyCommand": {"DataTableName": "t"},
                    "S3Configuration": TO_BUCKET,
                }
            },
            "does not deliver to Amazon Redshift",
        ),
        (
            {
                "IcebergDestinationConfiguration": {
                    "RoleARN": ROLE,
                    "CatalogConfiguration": {},
                    "S3Configuration": TO_BUCKET,
                }
            },
            "does not deliver to Apache Iceberg tables",
        ),
        ({"DeliveryStreamType": "MSKAsSource", "S3DestinationConfiguration": TO_BUCKET}, "Amazon MSK"),
    ],
)
def test_what_is_not_delivered_is_refused_by_name(
    refused: Refused, members: dict[str, Any], said: str
) -> None:
    code, message = refused("create_delivery_stream", DeliveryStreamName="refused", **members)
    assert code == "NotImplementedException"
    assert said in message


def test_a_stream_that_does_not_exist_cannot_be_read(refused: Refused) -> None:
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/not-there"
    code, message = refused(
        "create_delivery_stream",
        DeliveryStreamName="refused",
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
        S3DestinationConfiguration=TO_BUCKET,
    )
    assert code == "ResourceNotFoundException"
    assert "not-there" in message


def test_some_updates_are_refused(create: Create, refused: Refused) -> None:
    backed_up = create(S3BackupMode="Enabled", S3BackupConfiguration=TO_BUCKET)
    asked = {"CurrentDeliveryStreamVersionId": "1", "DestinationId": "destinationId-000000000001"}
    update = {"DeliveryStreamName": backed_up, **asked}
    changes = {"ExtendedS3DestinationUpdate": {"S3BackupMode": "Disabled"}}
    assert refused("update_destination", **update, **changes)[0] == "InvalidArgumentException"
    changes = {"ExtendedS3DestinationUpdate": {"DynamicPartitioningConfiguration": {"Enabled": True}}}  # type: ignore[dict-item]
    assert "Dynamic Partitioning" in refused("update_destination", **update, **changes)[1]
    update["DestinationId"] = "destinationId-000000000002"
    assert "destinationId-000000000002 not found" in refused("update_destination", **update, **changes)[1]
