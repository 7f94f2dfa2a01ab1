"""Record format conversion: JSON records to Parquet or ORC, with the columns of a Glue table.

Rules, of the developer guide ("record format conversion"):
- columns are found by their names, in lower case unless OpenX's reader is told otherwise; what has no column
  is left out, a column without a value is null;
- a record that is not JSON, or does not fit the schema, has failed; the others are not concerned.

Source of the failures' form: "handling errors for data format conversion". The library is Arrow's
(the extra `headwater[delivery]`), imported at first use.

Refuses to know where the schema is from, and where files go.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.firehose.conversion_settings import PARQUET, ConversionSettings
from headwater.delivery.firehose.hive_types import (
    HiveType,
    TypeUnknown,
    ValueRefused,
    decimal_form,
    fitted,
    parse_type,
)
from headwater.delivery.firehose.items import CONVERSION_FAILED, FailedItem, Item, failure

NOT_PARSED = "DataFormatConversion.ParseError"
MALFORMED = "DataFormatConversion.MalformedData"
EMPTY = "The record was empty or contained only whitespace."
PRIMITIVE = "The input JSON contained a primitive at the top level. The top level must be an object or array."
ORC_STRIPE_BYTES = 64 * 1024 * 1024
PARQUET_PAGE_BYTES = 1024 * 1024
NOT_INSTALLED = "Record format conversion needs the library pyarrow: pip install 'headwater[delivery]'"

_decode = json.JSONDecoder().raw_decode


class TableColumn(NamedTuple):
    """A column of a table."""

    name: str
    type: HiveType


class _RecordRefused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def columns_of(table: Mapping[str, Any]) -> list[TableColumn]:
    """The columns of a table as Glue describes it. Raises `DeliveryFailed`."""
    try:
        found = [
            TableColumn(column["Name"], parse_type(column["Type"]))
            for column in (table.get("StorageDescriptor") or {}).get("Columns") or ()
        ]
    except TypeUnknown as error:
        raise DeliveryFailed("DataFormatConversion.InvalidSchema", str(error)) from None
    if not found:
        text = f"The table {table.get('Name')} has no columns."
        raise DeliveryFailed("DataFormatConversion.InvalidSchema", text)
    return found


def converted(
    items: Sequence[Item], columns: Sequence[TableColumn], settings: ConversionSettings, now_ms: int
) -> tuple[bytes, list[FailedItem]]:
    """The file of the items, empty without any that fit, and those that do not.

    Raises `DeliveryFailed` without the library.
    """
    reader = _RowReader(columns, settings)
    rows: list[list[Any]] = []
    failed: list[FailedItem] = []
    for item in items:
        try:
            rows += reader.rows(item.data)
        except _RecordRefused as refused:
            more = {
                "sequenceNumber": item.sequence_number or None,
                "subSequenceNumber": item.subsequence_number if item.sequence_number else None,
                "dataCatalogTable": settings.table.document(),
            }
            found = failure(
                item, CONVERSION_FAILED, refused.code, refused.message, attempts=1, now_ms=now_ms, **more
            )
            failed.append(found._replace(document=_last_error(found.document)))
    return _file(rows, columns, settings) if rows else b"", failed


def _last_error(document: dict[str, Any]) -> dict[str, Any]:
    """Of conversions, the error has other names."""
    names = {"errorCode": "lastErrorCode", "errorMessage": "lastErrorMessage"}
    return {names.get(name, name): value for name, value in document.items()}


class _RowReader:
    """Reads the values of a table's columns from JSON."""

    def __init__(self, columns: Sequence[TableColumn], settings: ConversionSettings) -> None:
        options = settings.reading
        mappings = {name.lower(): key for name, key in (options.get("ColumnToJsonKeyMappings") or {}).items()}
        self._dots = bool(options.get("ConvertDotsInJsonKeysToUnderscores"))
        self._lower = settings.is_hive_json or options.get("CaseInsensitive", True)
        self._columns = [
            (self._key(mappings.get(column.name.lower(), column.name)), column.type) for column in columns
        ]

    def rows(self, data: bytes) -> list[list[Any]]:
        """The rows of a record: one for each document in it. Raises `_RecordRefused`."""
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise _RecordRefused(NOT_PARSED, f"Encountered malformed JSON. {error}") from None
        if not text.strip():
            raise _RecordRefused(MALFORMED, EMPTY)
        return [self._row(document) for document in _documents(text)]

    def _row(self, document: Any) -> list[Any]:
        if not isinstance(document, dict):
            raise _RecordRefused(MALFORMED, PRIMITIVE)
        members = {self._key(name): value for name, value in document.items()}
        try:
            return [fitted(kind, members.get(key), self._key) for key, kind in self._columns]
        except ValueRefused as error:
            raise _RecordRefused(MALFORMED, str(error)) from None

    def _key(self, name: str) -> str:
        if self._dots:
            name = name.replace(".", "_")
        return name.lower() if self._lower else name


def _documents(text: str) -> list[Any]:
    found, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            document, at = _decode(text, at)
        except (ValueError, RecursionError) as error:
            raise _RecordRefused(NOT_PARSED, f"Encountered malformed JSON. {error}") from None
        found.append(document)
    return found


def _file(rows: list[list[Any]], columns: Sequence[TableColumn], settings: ConversionSettings) -> bytes:
    try:
        import pyarrow as pa  # noqa: PLC0415 - of the extra, for the first who needs it
    except ImportError:
        raise DeliveryFailed("DataFormatConversion.NotInstalled", NOT_INSTALLED) from None
    types = [_arrow_type(pa, column.type) for column in columns]
    arrays = [
        pa.array(values, type=kind) for values, kind in zip(zip(*rows, strict=True), types, strict=True)
    ]
    schema = pa.schema([pa.field(column.name, kind) for column, kind in zip(columns, types, strict=True)])
    table = pa.Table.from_arrays(arrays, schema=schema)
    sink = io.BytesIO()
    _WRITERS[settings.format](table, sink, settings.writing)
    return sink.getvalue()


def _write_parquet(table: Any, sink: io.BytesIO, options: Mapping[str, Any]) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    is_second = options.get("WriterVersion") == "V2"
    pq.write_table(
        table,
        sink,
        compression={"UNCOMPRESSED": "NONE"}.get(name := options.get("Compression", "SNAPPY"), name),
        data_page_version="2.0" if is_second else "1.0",
        data_page_size=options.get("PageSizeBytes", PARQUET_PAGE_BYTES),
        use_dictionary=options.get("EnableDictionaryCompression", True),
        use_deprecated_int96_timestamps=True,  # as Hive writes them, and so Firehose
    )


def _write_orc(table: Any, sink: io.BytesIO, options: Mapping[str, Any]) -> None:
    from pyarrow import orc  # noqa: PLC0415 - as above

    name = options.get("Compression", "SNAPPY")
    orc.write_table(
        table,
        sink,
        file_version="0.11" if options.get("FormatVersion") == "V0_11" else "0.12",
        stripe_size=options.get("StripeSizeBytes", ORC_STRIPE_BYTES),
        compression={"NONE": "uncompressed"}.get(name, name.lower()),
        row_index_stride=options.get("RowIndexStride", 10_000),
        padding_tolerance=options.get("PaddingTolerance", 0.05),
        dictionary_key_size_threshold=options.get("DictionaryKeyThreshold", 0.0),
        bloom_filter_columns=_bloom_columns(table, options),
        bloom_filter_fpp=options.get("BloomFilterFalsePositiveProbability", 0.05),
    )


def _bloom_columns(table: Any, options: Mapping[str, Any]) -> list[int] | None:
    wanted = set(options.get("BloomFilterColumns") or ())
    return [at for at, name in enumerate(table.column_names) if name in wanted] or None


_WRITERS: dict[str, Callable[[Any, io.BytesIO, Mapping[str, Any]], None]] = {
    PARQUET: _write_parquet,
    "orc": _write_orc,
}

_ARROW_NAMES = {
    "tinyint": "int8",
    "smallint": "int16",
    "int": "int32",
    "integer": "int32",
    "bigint": "int64",
    "float": "float32",
    "double": "float64",
    "boolean": "bool_",
    "string": "string",
    "varchar": "string",
    "char": "string",
    "binary": "binary",
    "date": "date32",
}


def _arrow_type(pa: Any, kind: HiveType) -> Any:
    match kind.name:
        case "array":
            return pa.list_(_arrow_type(pa, kind.parts[0]))
        case "map":
            return pa.map_(_arrow_type(pa, kind.parts[0]), _arrow_type(pa, kind.parts[1]))
        case "struct":
            fields = zip(kind.fields, kind.parts, strict=True)
            return pa.struct([pa.field(name, _arrow_type(pa, part)) for name, part in fields])
        case "decimal":
            return pa.decimal128(*decimal_form(kind))
        case "timestamp":
            return pa.timestamp("us")
        case name:
            return getattr(pa, _ARROW_NAMES[name])()
