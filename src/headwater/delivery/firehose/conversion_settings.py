"""What a destination says of record format conversion.

Refuses to know the formats.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from headwater.delivery.firehose.delivery_stream import DeliveryStream
from headwater.delivery.firehose.destinations import is_converted

PARQUET, ORC = "parquet", "orc"
LATEST = "LATEST"


class TableReference(NamedTuple):
    """A table of the Glue Data Catalog."""

    catalog_id: str
    database: str
    table: str
    region: str
    version_id: str

    def document(self) -> dict[str, str]:
        """As a failed record names it."""
        return {
            "catalogId": self.catalog_id,
            "databaseName": self.database,
            "tableName": self.table,
            "region": self.region,
            "versionId": self.version_id,
        }


class ConversionSettings(NamedTuple):
    """How records are read, and what is made of them."""

    table: TableReference
    is_hive_json: bool
    """Read by Hive's reader of JSON; else by OpenX's."""
    reading: Mapping[str, Any]
    """The reader's own options."""
    format: str
    writing: Mapping[str, Any]
    """The writer's own options."""

    @property
    def extension(self) -> str:
        """What ends the name of an object."""
        return f".{self.format}"


def read_conversion(stream: DeliveryStream, document: Mapping[str, Any]) -> ConversionSettings | None:
    """The conversion of a destination that has been checked; `None` without one."""
    if not is_converted(dict(document)):
        return None
    conversion = document["DataFormatConversionConfiguration"]
    schema = conversion["SchemaConfiguration"]
    reader = conversion["InputFormatConfiguration"]["Deserializer"]
    writer = conversion["OutputFormatConfiguration"]["Serializer"]
    is_hive, is_orc = "HiveJsonSerDe" in reader, "OrcSerDe" in writer
    return ConversionSettings(
        TableReference(
            schema.get("CatalogId") or stream.account_id,
            schema["DatabaseName"],
            schema["TableName"],
            schema.get("Region") or stream.region,
            schema.get("VersionId") or LATEST,
        ),
        is_hive,
        reader["HiveJsonSerDe" if is_hive else "OpenXJsonSerDe"],
        ORC if is_orc else PARQUET,
        writer["OrcSerDe" if is_orc else "ParquetSerDe"],
    )
