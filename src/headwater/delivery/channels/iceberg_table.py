"""An Iceberg table whose files lie in the neighbouring S3, and whose metadata S3 Tables points to.

Everything here is called in a thread: pyiceberg waits for what it reads and writes.

Rules:
- a batch is one snapshot, which has the batch's number in its summary: a batch that is made again is found
  by it, and not appended;
- two who commit at the same time are told apart by S3 Tables' version token; one of them tries again.

Refuses to know records, and schemas in other forms.
"""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any
from uuid import uuid4

import pyarrow as pa
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.io import FileIO, InputFile, OutputFile
from pyiceberg.serializers import FromInputFile, ToOutputFile
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.metadata import TableMetadata, new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.table.update import TableRequirement, TableUpdate, update_table_metadata

from headwater.delivery.channels.s3_tables import TABLE_GONE, FoundTable, S3Tables
from headwater.delivery.channels.table_schema import TableSchema
from headwater.delivery.context import DeliveryContext
from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.objects import Bucket, ObjectOptions
from headwater.model.caller import Caller
from headwater.model.channel import TableTarget

BATCH_PROPERTY = "headwater.batch"
CHANNEL_PROPERTY = "headwater.channel"
SCHEMA_PROPERTY = "headwater.schema-version"
CODECS = {"NONE": "uncompressed", "ZSTD": "zstd", "SNAPPY": "snappy"}


class ServiceFiles(FileIO):
    """Files in the neighbouring S3."""

    def __init__(self, context: DeliveryContext, caller: Caller, kms_key_id: str | None) -> None:
        super().__init__()
        self.context = context
        self.caller = caller
        self.options = ObjectOptions(kms_key_id=kms_key_id)

    def new_input(self, location: str) -> InputFile:
        """A file to read."""
        return _ServiceFile(self, location)

    def new_output(self, location: str) -> OutputFile:
        """A file to write."""
        return _ServiceFile(self, location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Leave it: nothing is deleted that another reader may still read."""

    def read(self, location: str) -> bytes:
        """A file's bytes. Raises FileNotFoundError, and `DeliveryFailed`."""
        bucket, key = _place(location)
        objects, services = self.context.objects, self.context.services
        try:
            return services.from_thread(objects.get(self.caller, Bucket(bucket), key))
        except DeliveryFailed as error:
            if error.code == "NoSuchKey":
                raise FileNotFoundError(location) from error
            raise

    def write(self, location: str, body: bytes) -> None:
        """Write a file. Raises `DeliveryFailed`."""
        bucket, key = _place(location)
        objects, services = self.context.objects, self.context.services
        services.from_thread(objects.put(self.caller, Bucket(bucket), key, body, self.options))


class _ServiceFile(InputFile, OutputFile):
    """One file, to read or to write."""

    def __init__(self, files: ServiceFiles, location: str) -> None:
        super().__init__(location)
        self._files = files

    def __len__(self) -> int:
        return len(self._files.read(self.location))

    def exists(self) -> bool:
        """Whether it is there."""
        try:
            self._files.read(self.location)
        except FileNotFoundError:
            return False
        return True

    def open(self, seekable: bool = True) -> Any:  # noqa: ARG002 - pyiceberg's own signature
        """Its bytes."""
        return io.BytesIO(self._files.read(self.location))

    def to_input_file(self) -> InputFile:
        """The same, to read."""
        return self

    def create(self, overwrite: bool = False) -> Any:  # noqa: ARG002 - see above
        """What is written here is the file, once it is closed."""
        return _Written(self._files, self.location)


class _Written(io.BytesIO):
    def __init__(self, files: ServiceFiles, location: str) -> None:
        super().__init__()
        self._files = files
        self._location = location
        self._failed = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._failed = kind is not None
        super().__exit__(kind, error, trace)

    def close(self) -> None:
        """Write the file, unless something went wrong before."""
        if not self.closed and not self._failed:
            self._files.write(self._location, self.getvalue())
        super().close()


class _TableCatalog(NoopCatalog):
    """The catalog of one table, for one commit."""

    def __init__(self, table: ChannelTable, found: FoundTable) -> None:
        super().__init__("s3tables")
        self._table = table
        self._found = found

    def commit_table(
        self, table: Table, requirements: tuple[TableRequirement, ...], updates: tuple[TableUpdate, ...]
    ) -> CommitTableResponse:
        """Let the table have what an update makes of its metadata. Raises `DeliveryFailed`."""
        for requirement in requirements:
            requirement.validate(table.metadata)
        metadata = update_table_metadata(
            table.metadata, updates, enforce_validation=True, metadata_location=self._found.metadata_location
        )
        number = len(metadata.metadata_log)
        location = self._table.point(self._found, metadata, number)
        return CommitTableResponse.model_validate({"metadata": metadata, "metadata-location": location})


class ChannelTable:
    """The table of one channel. Call it in a thread."""

    def __init__(
        self, context: DeliveryContext, caller: Caller, target: TableTarget, kms_key_id: str | None
    ) -> None:
        """`kms_key_id`: the key that its files are encrypted with, if they are."""
        self._context = context
        self._caller = caller
        self._target = target
        self._tables = S3Tables(context.services)
        self._files = ServiceFiles(context, caller, kms_key_id)

    def make(self, schema: TableSchema, channel_id: str, schema_version_id: str) -> None:
        """Make the table, unless this channel has made it before. Raises `DeliveryFailed`."""
        services = self._context.services
        is_new = services.from_thread(self._tables.make(self._caller, self._target))
        found = services.from_thread(self._tables.find(self._caller, self._target))
        if found.metadata_location is not None:
            properties = self._metadata(found).properties
            if is_new or properties.get(CHANNEL_PROPERTY) == channel_id:
                return
        if not is_new and found.metadata_location is not None:
            name = f"{self._target.namespace}.{self._target.table}"
            text = f"The table {name} exists already: a channel makes its own."
            raise DeliveryFailed("TableExists", text)
        metadata = new_table_metadata(
            schema=schema.iceberg,
            partition_spec=schema.partition,
            sort_order=UNSORTED_SORT_ORDER,
            location=found.warehouse,
            properties={
                CHANNEL_PROPERTY: channel_id,
                SCHEMA_PROPERTY: schema_version_id,
                "write.parquet.compression-codec": CODECS[self._target.compression],
            },
        )
        self.point(found, metadata, 0)

    def schema_version_id(self) -> str:
        """The version of the schema that the table was made with. Raises `DeliveryFailed`."""
        found = self._context.services.from_thread(self._tables.find(self._caller, self._target))
        if found.metadata_location is None:
            raise DeliveryFailed(TABLE_GONE, f"The table {self._target.table} has no metadata.")
        return self._metadata(found).properties.get(SCHEMA_PROPERTY, "")

    def append(self, rows: pa.Table, batch_id: str) -> int:
        """Add the rows of a batch in a snapshot, unless the table has them; the bytes of their files.

        Raises `DeliveryFailed`.
        """
        found = self._context.services.from_thread(self._tables.find(self._caller, self._target))
        if found.metadata_location is None:
            raise DeliveryFailed(TABLE_GONE, f"The table {self._target.table} has no metadata.")
        metadata = self._metadata(found)
        before = next((each for each in metadata.snapshots if _batch_of(each) == batch_id), None)
        if before is not None:
            return _added_bytes(before)
        name = (self._target.namespace, self._target.table)
        catalog = _TableCatalog(self, found)
        table = Table(name, metadata, found.metadata_location, self._files, catalog)
        table.append(rows, snapshot_properties={BATCH_PROPERTY: batch_id})
        return _added_bytes(table.current_snapshot())

    def point(self, found: FoundTable, metadata: TableMetadata, number: int) -> str:
        """Write metadata, and let the table have them; where they are. Raises `DeliveryFailed`."""
        location = f"{found.warehouse}/metadata/{number:05d}-{uuid4()}.metadata.json"
        ToOutputFile.table_metadata(metadata, self._files.new_output(location), overwrite=True)
        pointed = self._tables.point(self._caller, self._target, found.version_token, location)
        self._context.services.from_thread(pointed)
        return location

    def _metadata(self, found: FoundTable) -> TableMetadata:
        assert found.metadata_location is not None
        return FromInputFile.table_metadata(self._files.new_input(found.metadata_location))


def _batch_of(snapshot: Any) -> str | None:
    summary = snapshot.summary
    return None if summary is None else summary.additional_properties.get(BATCH_PROPERTY)


def _added_bytes(snapshot: Any) -> int:
    summary = snapshot.summary
    return 0 if summary is None else int(summary.additional_properties.get("added-files-size", 0))


def _place(location: str) -> tuple[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key
