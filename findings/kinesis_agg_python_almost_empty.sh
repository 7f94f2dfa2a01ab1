#!/usr/bin/env bash
# aws_kinesis_agg 1.2.3 (PyPI): with partition keys of type str an aggregate is "full" at a seventeenth of its size.
#
# A partition key is in the format once, however many records have it, and the aggregator means to count it once. But
# it looks for the key's bytes among keys that it keeps as they were given: a str is never equal to bytes, so the key
# is counted anew with each record. `get_size_bytes`, "the current size in bytes of this message in its serialized
# form", is wrong by as much, and a producer pays for many times as many records as it needs to put. The same key as
# bytes, which the documentation calls just as good, is counted right.
#
# Seen, for records of 10 bytes under one key of 256 characters until the aggregate is full:
# as str 3812 records, 1048320 bytes as it says, 61271 in truth; as bytes 65518 records, 1048567 bytes in both ways.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet aws_kinesis_agg==1.2.3 protobuf==7.36.2 six==1.17.0
"$folder/venv/bin/python" - <<'PYTHON'
from aws_kinesis_agg.aggregator import AggRecord


def filled(key: str | bytes) -> tuple[int, int, int]:
    """How many records fit, the size that is said, and the size that is."""
    record = AggRecord()
    while record.add_user_record(key, b"0123456789"):
        pass
    return record.get_num_user_records(), record.get_size_bytes(), len(record.get_contents()[2])


seen = {"str": filled("k" * 256), "bytes": filled(b"k" * 256)}
print(seen)
assert seen == {"str": (3812, 1048320, 61271), "bytes": (65518, 1048567, 1048567)}, "it has changed"
PYTHON
