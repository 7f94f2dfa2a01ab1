"""A table bucket, a schema and a channel to a table, and the table as pyiceberg reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.api.channels import ROLE
from tests.delivery.delivered_stream import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import StaticTable

SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
        "name": {"type": ["string", "null"]},
    },
    "required": ["n"],
}


class Lake:
    """What a channel to a table needs beside its stream; `name` is of the bucket and of the registry."""

    def __init__(self, clients: Any, endpoint_url: str, name: str) -> None:
        self.kinesis, self.s3, self.s3tables = clients("kinesis"), clients("s3"), clients("s3tables")
        self.glue = clients("glue")
        self.endpoint_url = endpoint_url
        self.name = name
        self.bucket_arn = f"arn:aws:s3tables:{REGION}:{ACCOUNT_ID}:bucket/{name}"
        self.schema_arn = f"arn:aws:glue:{REGION}:{ACCOUNT_ID}:schema/{name}/events"
        self.version_id = ""

    def make(self, schema: Mapping[str, Any] = SCHEMA) -> None:
        """Make the bucket, the registry and the schema."""
        self.s3tables.create_table_bucket(name=self.name)
        self.glue.create_registry(RegistryName=self.name)
        self.version_id = self.glue.create_schema(
            RegistryId={"RegistryName": self.name},
            SchemaName="events",
            DataFormat="JSON",
            Compatibility="NONE",
            SchemaDefinition=json.dumps(schema),
        )["SchemaVersionId"]

    def channel(
        self, stream_arn: str, letters: str, record_format: str = "JSON", compression: str = "ZSTD"
    ) -> str:
        """A channel to the table, which is not waited for; its ARN."""
        table = {
            "TableBucketARN": self.bucket_arn,
            "Namespace": "of_tests",
            "TableName": "events",
            "CompressionType": compression,
            "PartitionSpec": {"PartitionFields": [{"Transform": "TIME_HOUR", "SourceName": "at"}]},
        }
        dead_letters = {"BucketARN": f"arn:aws:s3:::{letters}", "ExpectedBucketOwner": ACCOUNT_ID}
        record = {"RecordFormatType": record_format, "GSRSchemaARN": self.schema_arn}
        arn: str = self.kinesis.create_channel(
            ChannelName=f"{self.name}-table",
            ServiceExecutionRoleARN=ROLE,
            StreamConfigurationList=[{"StreamARN": stream_arn, "RecordConfiguration": record}],
            S3TablesDestinationConfiguration={
                "DeadLetterQueueS3Configuration": dead_letters,
                "S3TablesConfigurationList": [table],
            },
        )["ChannelDescription"]["ChannelARN"]
        return arn

    def table(self) -> StaticTable:
        """The table, read over S3 as by anybody."""
        from pyiceberg.table import StaticTable  # noqa: PLC0415 - a second, and every worker collects this

        found = self.s3tables.get_table_metadata_location(
            tableBucketARN=self.bucket_arn, namespace="of_tests", name="events"
        )
        properties = {
            "s3.endpoint": self.endpoint_url,
            "s3.access-key-id": ACCOUNT_ID,
            "s3.secret-access-key": "secret",
            "s3.region": REGION,
        }
        return StaticTable.from_metadata(found["metadataLocation"], properties=properties)

    def rows(self) -> pa.Table:
        """All rows of the table."""
        return self.table().scan().to_arrow()

    def parquet_files(self, folder: Path) -> list[str]:
        """The table's files of records, copied into a folder."""
        paths: list[str] = []
        for number, planned in enumerate(self.table().scan().plan_files()):
            bucket, _, key = planned.file.file_path.removeprefix("s3://").partition("/")
            path = folder / f"{number}.parquet"
            path.write_bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            paths.append(str(path))
        return paths
