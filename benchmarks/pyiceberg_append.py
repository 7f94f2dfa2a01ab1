"""pyiceberg's own `append`, in small batches, to a table in local files: the peer of channels to tables."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.metadata import TableMetadata, new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.table.update import update_table_metadata

from benchmarks.delivering import SCHEMA, documents
from headwater.delivery.channels.table_schema import table_schema

IN_ONE_APPEND = 1_000


class LocalCatalog(NoopCatalog):
    """Keeps where the newest metadata of its table are, and nothing else."""

    def __init__(self, folder: Path) -> None:
        super().__init__("local")
        self.files = PyArrowFileIO()
        self._folder = folder

    def write(self, metadata: TableMetadata) -> str:
        location = f"{self._folder}/metadata/{uuid4()}.metadata.json"
        ToOutputFile.table_metadata(metadata, self.files.new_output(location))
        return location

    def commit_table(self, table: Table, requirements: Any, updates: Any) -> CommitTableResponse:
        for requirement in requirements:
            requirement.validate(table.metadata)
        metadata = update_table_metadata(
            table.metadata, updates, enforce_validation=True, metadata_location=table.metadata_location
        )
        location = self.write(metadata)
        return CommitTableResponse.model_validate({"metadata": metadata, "metadata-location": location})


def append_rate(count: int, folder: Path) -> float:
    """Rows a second, of a table as a channel makes it; making the rows is not counted."""
    schema = table_schema(SCHEMA, ("at",))
    catalog = LocalCatalog(folder)
    metadata = new_table_metadata(
        schema=schema.iceberg,
        partition_spec=schema.partition,
        sort_order=UNSORTED_SORT_ORDER,
        location=str(folder),
        properties={"write.parquet.compression-codec": "zstd"},
    )
    table = Table(("bench", "bench"), metadata, catalog.write(metadata), catalog.files, catalog)
    rows = _rows(table)
    began_s = time.perf_counter()
    for _ in range(count // IN_ONE_APPEND):
        table.append(rows)
    return count / (time.perf_counter() - began_s)


def _rows(table: Table) -> pa.Table:
    made = [
        {**document, "at": datetime.fromisoformat(document["at"])} for document in documents(IN_ONE_APPEND)
    ]
    return pa.Table.from_pylist(made, schema=table.schema().as_arrow())
