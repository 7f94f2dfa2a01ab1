#!/usr/bin/env bash
# pyiceberg 0.12.0: "not in" of two values keeps the nulls in a scan and "not in" of one does not; a delete never does.
#
# `NotIn("k", {"a"})` becomes `NotEqualTo("k", "a")`, which lets no null through; `NotIn("k", {"a", "b"})` lets them
# all through. So one more value in the set gives more rows instead of fewer. And `delete` with the very same filter
# removes other rows than a scan shows: whoever scans, processes and deletes by one filter processes the rows with a
# null again each time. In the reference implementation for Java, both of them match a null, as "not equal" does.
#
# Seen, of a, b, c and null: one value: the scan shows b, c; the delete leaves a, null.
# Two values: the scan shows c, null; the delete leaves a, b, null.
# "!= a and != b", which says the same: the scan shows c; the delete leaves a, b, null.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet pyarrow==26.0.1 'pyiceberg[sql-sqlite]==0.12.0'
venv/bin/python - <<'PYTHON'
import os

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

os.mkdir("warehouse")
catalog = SqlCatalog("c", uri="sqlite:///:memory:", warehouse=f"file://{os.getcwd()}/warehouse")
catalog.create_namespace("n")
rows = pa.table({"k": pa.array(["a", "b", "c", None])})
FILTERS = {
    "one": "k not in ('a')",
    "two": "k not in ('a', 'b')",
    "both": "k != 'a' and k != 'b'",
}
seen = {}
for name, row_filter in FILTERS.items():
    table = catalog.create_table(f"n.{name}", rows.schema)
    table.append(rows)
    shown = table.scan(row_filter=row_filter).to_arrow()["k"].to_pylist()
    table.delete(row_filter)
    seen[name] = {"shown": shown, "left": table.scan().to_arrow()["k"].to_pylist()}
print(seen)
assert seen == {
    "one": {"shown": ["b", "c"], "left": ["a", None]},
    "two": {"shown": ["c", None], "left": ["a", "b", None]},
    "both": {"shown": ["c"], "left": ["a", "b", None]},
}, "it has changed"
PYTHON
