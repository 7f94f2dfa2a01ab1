#!/usr/bin/env bash
# fastparquet 2026.9.0: dates beyond 2262 become dates of another century, and a UUID may lose its last byte.
#
# Two columns that pyarrow writes by the book and every other reader gives back as they were:
# - DATE 9999-12-31, which many tables have for "without end", is read as 1816-03-29: days are made nanoseconds in
#   64 bits, and what does not fit is wrapped round. No error, no warning; timestamps of the same year are right.
# - FIXED_LEN_BYTE_ARRAY, the type of UUIDs and hashes: zero bytes at the end of a value are cut off, as numpy does
#   with its "S" type. One UUID in 256 comes back with 15 bytes or fewer, and is not equal to itself in a join.
#
# Seen: 1816-03-29 05:56:08, and 16 bytes of which the last is zero read as 15.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet pyarrow==26.0.1 fastparquet==2026.9.0
venv/bin/python - <<'PYTHON'
import datetime
import warnings

import fastparquet
import pyarrow as pa
import pyarrow.parquet as pq

warnings.simplefilter("error", RuntimeWarning)
end = datetime.date(9999, 12, 31)
key = bytes(range(1, 16)) + b"\0"
instant = datetime.datetime(9999, 12, 31)
columns = {
    "date": pa.array([end], pa.date32()),
    "instant": pa.array([instant], pa.timestamp("us")),
    "key": pa.array([key], pa.binary(16)),
}
pq.write_table(pa.table(columns), "file.parquet")
read = fastparquet.ParquetFile("file.parquet").to_pandas()
seen = {name: read[name][0] for name in columns}
print(seen)
assert pq.read_table("file.parquet").to_pylist() == [{"date": end, "instant": instant, "key": key}]
assert seen["date"].isoformat(timespec="seconds") == "1816-03-29T05:56:08", "it has changed"
assert seen["instant"] == instant, "it has changed"
assert seen["key"] == key[:15], "it has changed"
PYTHON
