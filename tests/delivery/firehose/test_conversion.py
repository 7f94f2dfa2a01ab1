"""Records as files of columns, read back by the readers of these formats."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.request import urlopen

import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from headwater.testing import Headwater
from tests.delivery.firehose.conftest import ROLE, Bucket, Create, Put
from tests.neighbours.conftest import ClientOf
from tests.waiting import awaited

COLUMNS = {
    "id": "bigint",
    "name": "string",
    "price": "double",
    "exact": "decimal(8,2)",
    "flag": "boolean",
    "day": "date",
    "at": "timestamp",
    "tags": "array<string>",
    "counts": "map<string,int>",
    "place": "struct<city:string,zip:int>",
}
RECORD = {
    "id": 7,
    "Name": "Ada",
    "price": 2,
    "exact": "12.5",
    "flag": True,
    "day": "2024-02-29",
    "at": "2024-02-29 12:30:00.250",
    "tags": ["a", "b"],
    "counts": {"x": 1},
    "place": {"City": "Ulm", "zip": 89073},
    "unknown": "left out",
}
ROW = {
    "id": 7,
    "name": "Ada",
    "price": 2.0,
    "exact": Decimal("12.50"),
    "flag": True,
    "day": date(2024, 2, 29),
    "at": datetime(2024, 2, 29, 12, 30, 0, 250_000),
    "tags": ["a", "b"],
    "counts": [("x", 1)],
    "place": {"city": "Ulm", "zip": 89073},
}

Table = Callable[[dict[str, str]], str]


@pytest.fixture
def table(client_of: ClientOf, bucket: Bucket) -> Table:
    """Makes a table of the neighbouring Glue in a database of its own; gives the database's name."""

    def table(columns: dict[str, str]) -> str:
        glue, database = client_of("glue"), bucket.name.replace("-", "_")
        glue.create_database(DatabaseInput={"Name": database})
        described = [{"Name": name, "Type": kind} for name, kind in columns.items()]
        glue.create_table(
            DatabaseName=database,
            TableInput={"Name": "orders", "StorageDescriptor": {"Columns": described}},
        )
        return database

    return table


def conversion(database: str, reader: dict[str, Any], writer: dict[str, Any]) -> dict[str, Any]:
    return {
        "SchemaConfiguration": {"RoleARN": ROLE, "DatabaseName": database, "TableName": "orders"},
        "InputFormatConfiguration": {"Deserializer": reader},
        "OutputFormatConfiguration": {"Serializer": writer},
    }


@pytest.mark.parametrize("compression", ["SNAPPY", "GZIP", "UNCOMPRESSED"])
def test_json_becomes_parquet_with_the_columns_of_the_table(
    create: Create, put: Put, bucket: Bucket, table: Table, compression: str
) -> None:
    writer = {"ParquetSerDe": {"Compression": compression}}
    name = create(
        DataFormatConversionConfiguration=conversion(table(COLUMNS), {"OpenXJsonSerDe": {}}, writer)
    )
    put(name, json.dumps(RECORD).encode(), b'{"id": 8}', b'{"id": "9"}{"id": 10}')
    ((key, body),) = bucket.arrived().items()
    assert key.endswith(".parquet")
    file = pq.ParquetFile(io.BytesIO(body))
    assert file.metadata.row_group(0).column(0).compression == compression
    found = file.read()
    assert found.column_names == list(COLUMNS)
    first, *others = found.to_pylist()
    assert first == ROW
    assert [row["id"] for row in others] == [8, 9, 10]
    assert others[0]["place"] is None


def test_json_becomes_orc(create: Create, put: Put, bucket: Bucket, table: Table) -> None:
    columns = {"id": "int", "name": "varchar(3)"}
    reader: dict[str, Any] = {"HiveJsonSerDe": {}}
    name = create(DataFormatConversionConfiguration=conversion(table(columns), reader, {"OrcSerDe": {}}))
    put(name, b'{"ID": 1, "name": "Ada L."}')
    ((key, body),) = bucket.arrived().items()
    assert key.endswith(".orc")
    file = orc.ORCFile(io.BytesIO(body))
    assert file.compression == "SNAPPY"
    assert file.read().to_pylist() == [{"id": 1, "name": "Ada"}]


def test_keys_are_mapped_as_the_reader_says(create: Create, put: Put, bucket: Bucket, table: Table) -> None:
    reader = {
        "OpenXJsonSerDe": {
            "CaseInsensitive": False,
            "ConvertDotsInJsonKeysToUnderscores": True,
            "ColumnToJsonKeyMappings": {"ts": "Timestamp"},
        }
    }
    columns = {"ts": "timestamp", "a_b": "string"}
    writer: dict[str, Any] = {"ParquetSerDe": {"WriterVersion": "V2"}}
    put(
        create(DataFormatConversionConfiguration=conversion(table(columns), reader, writer)),
        b'{"Timestamp": 1709209800, "a.b": {"c": 1}, "TS": 0}',
    )
    (body,) = bucket.arrived().values()
    moment = datetime.fromtimestamp(1709209800, UTC).replace(tzinfo=None)
    assert pq.read_table(io.BytesIO(body)).to_pylist() == [{"ts": moment, "a_b": '{"c":1}'}]


def test_a_table_that_is_missing_is_waited_for(
    create: Create, put: Put, bucket: Bucket, headwater: Headwater, table: Table
) -> None:
    reader: dict[str, Any] = {"OpenXJsonSerDe": {}}
    database = bucket.name.replace("-", "_")
    name = create(DataFormatConversionConfiguration=conversion(database, reader, {"ParquetSerDe": {}}))
    put(name, b'{"id": 1}')

    def error() -> str:
        headwater.clock.advance(minutes=10)
        with urlopen(f"{headwater.endpoint_url}/_headwater/deliveries") as answer:
            deliveries = json.load(answer)["deliveries"]
        return str(next(each["last_error"] for each in deliveries if f"/{name}/" in each["id"]))

    assert awaited(error).startswith("glue answered 4")
    table({"id": "int"})
    (body,) = bucket.arrived().values()
    assert pq.read_table(io.BytesIO(body)).to_pylist() == [{"id": 1}]


def test_records_that_do_not_fit_are_failures_and_the_others_are_not(
    create: Create, put: Put, bucket: Bucket, table: Table
) -> None:
    database = table({"id": "int"})
    reader: dict[str, Any] = {"OpenXJsonSerDe": {}}
    name = create(
        Prefix="done/",
        ErrorOutputPrefix="errors/",
        DataFormatConversionConfiguration=conversion(database, reader, {"ParquetSerDe": {}}),
    )
    put(name, b"not json", b'{"id": 1}', b'{"id": "one"}', b"5", b" ", b'{"id": 2147483648}')
    bucket.arrived(2)
    (body,) = bucket.objects("done/").values()
    assert pq.read_table(io.BytesIO(body)).to_pylist() == [{"id": 1}]
    ((key, lines),) = bucket.objects("errors/").items()
    assert key.startswith("errors/format-conversion-failed/20")
    documents = [json.loads(line) for line in lines.splitlines()]
    assert [(base64.b64decode(each["rawData"]), each["lastErrorCode"]) for each in documents] == [
        (b"not json", "DataFormatConversion.ParseError"),
        (b'{"id": "one"}', "DataFormatConversion.MalformedData"),
        (b"5", "DataFormatConversion.MalformedData"),
        (b" ", "DataFormatConversion.MalformedData"),
        (b'{"id": 2147483648}', "DataFormatConversion.MalformedData"),
    ]
    assert documents[1]["lastErrorMessage"] == 'Data does not match the schema. For input string: "one"'
    assert documents[1]["dataCatalogTable"]["databaseName"] == database
