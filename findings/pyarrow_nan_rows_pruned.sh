#!/usr/bin/env bash
# pyarrow 26.0.1 (and pyiceberg 0.12.0 on it): whether a filter finds a NaN depends on its neighbours in the file.
#
# A row group of [1.5, 1.5, NaN] has 1.5 as its least and its greatest value: Parquet's statistics leave NaN out, and
# the format says of readers that "when looking for NaN values, min and max should be ignored". pyarrow takes both
# to mean "all are 1.5", leaves the row group out, and the row is missing. The same filter on the same table in memory
# finds it, and so it does on a file without statistics, or if one more value stands in the row group: the answer
# changes with how the writer cut the file. Even "is NaN" finds none, and pyiceberg's scan with `IsNaN` neither.
#
# Seen: != 1.5, is_nan and IsNaN find nothing in [1.5, 1.5, NaN], and the NaN in [1.5, 1.6, NaN], without statistics,
# and in memory.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet pyarrow==26.0.1 'pyiceberg[sql-sqlite]==0.12.0'
venv/bin/python - <<'PYTHON'
import os

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import IsNaN

FIELD = pc.field("v")


def table(*values: float) -> pa.Table:
    return pa.table({"v": pa.array(values, pa.float64())})


def found(rows: pa.Table) -> list[str]:
    return [str(value) for value in rows["v"].to_pylist()]


def in_file(rows: pa.Table, **options: bool) -> tuple[list[str], list[str]]:
    pq.write_table(rows, "file.parquet", **options)
    not_equal = pq.read_table("file.parquet", filters=[("v", "!=", 1.5)])
    is_nan = ds.dataset("file.parquet").to_table(filter=pc.is_nan(FIELD))
    return found(not_equal), found(is_nan)


nan = float("nan")
alike, unlike = table(1.5, 1.5, nan), table(1.5, 1.6, nan)
os.mkdir("warehouse")
catalog = SqlCatalog("c", uri="sqlite:///:memory:", warehouse=f"file://{os.getcwd()}/warehouse")
catalog.create_namespace("n")
iceberg = {}
for name, rows in {"alike": alike, "unlike": unlike}.items():
    stored = catalog.create_table(f"n.{name}", rows.schema)
    stored.append(rows)
    iceberg[name] = found(stored.scan(row_filter=IsNaN("v")).to_arrow())

seen = {
    "in memory": (found(alike.filter(FIELD != 1.5)), found(alike.filter(pc.is_nan(FIELD)))),
    "without statistics": in_file(alike, write_statistics=False),
    "alike": in_file(alike),
    "unlike": in_file(unlike),
    "iceberg": iceberg,
}
print(seen)
assert seen == {
    "in memory": (["nan"], ["nan"]),
    "without statistics": (["nan"], ["nan"]),
    "alike": ([], []),
    "unlike": (["1.6", "nan"], ["nan"]),
    "iceberg": {"alike": [], "unlike": ["nan"]},
}, "it has changed"
PYTHON
