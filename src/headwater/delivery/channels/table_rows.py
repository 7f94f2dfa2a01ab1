"""Records as rows of a table: decoded one by one, held by columns.

A record that the schema refuses is told by itself; of those that a column refuses (a decimal with more
digits than it has), too.

Refuses to know where the rows go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow

from headwater.delivery.channels.table_schema import TableSchema

Refuse = Callable[[int, str], None]
"""Takes the index of a record, and why it is refused."""


class TableRows:
    """Rows that are gathered for one commit."""

    def __init__(self, schema: TableSchema) -> None:
        self._schema = schema
        self._arrow = schema_to_pyarrow(schema.iceberg, include_field_ids=False)
        names = [f"c{at}" for at in range(len(self._arrow))]
        self._members = attrgetter(*names) if len(names) > 1 else lambda row: (row.c0,)
        self._parts: list[pa.RecordBatch] = []

    def __len__(self) -> int:
        return sum(part.num_rows for part in self._parts)

    def add(self, datas: Iterable[bytes], refuse: Refuse) -> None:
        """Gather records."""
        decode = self._schema.decode
        rows: list[Any] = []
        indexes: list[int] = []
        for index, data in enumerate(datas):
            try:
                rows.append(decode(data))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                refuse(index, str(error))
            else:
                indexes.append(index)
        try:
            self._parts.append(self._columns(rows))
        except (pa.ArrowException, OverflowError, TypeError):
            self._add_singly(rows, indexes, refuse)

    def table(self) -> pa.Table:
        """All rows."""
        return pa.Table.from_batches(self._parts, self._arrow)

    def _add_singly(self, rows: Sequence[Any], indexes: Sequence[int], refuse: Refuse) -> None:
        for row, index in zip(rows, indexes, strict=True):
            try:
                self._parts.append(self._columns([row]))
            except (pa.ArrowException, OverflowError, TypeError) as error:
                refuse(index, str(error))

    def _columns(self, rows: Sequence[Any]) -> pa.RecordBatch:
        values = zip(*map(self._members, rows), strict=True) if rows else ((),) * len(self._arrow)
        columns = [pa.array(column, field.type) for column, field in zip(values, self._arrow, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=self._arrow)
