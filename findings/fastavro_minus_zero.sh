#!/usr/bin/env bash
# fastavro 1.13.1: a decimal of minus zero, in a `fixed`, is written as -0.02.
#
# Python's decimals have a minus zero, and it comes up by itself: -0.001 rounded to two places, or nothing times -1.
# Avro stores the digits as a number in two's complement, which has but one zero. For the type `bytes` fastavro writes
# that; for `fixed` it sees the sign, writes the bits of a negative number for a number that is not negative, and what
# any reader then reads is two of the last place below zero: money from nothing. No error.
#
# Seen, of Decimal("-0.00") with two places: bytes: 0.00; fixed of 8 bytes: ff ff ff ff ff ff ff fe, which is -0.02.
# -0.01 and 0.00 themselves are right in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fastavro==1.13.1
"$folder/venv/bin/python" - <<'PYTHON'
import io
from decimal import ROUND_HALF_EVEN, Decimal

import fastavro

DECIMAL = {"logicalType": "decimal", "precision": 9, "scale": 2}
TYPES = {"bytes": {"type": "bytes", **DECIMAL}, "fixed": {"type": "fixed", "name": "amount", "size": 8, **DECIMAL}}
minus_zero = Decimal("-0.001").quantize(Decimal("0.01"), ROUND_HALF_EVEN)
assert minus_zero == 0 and str(minus_zero) == "-0.00"


def stored(kind: str, value: Decimal) -> tuple[str, str]:
    """The bytes that are written, and the value that is read."""
    schema = fastavro.parse_schema({"type": "record", "name": "row", "fields": [{"name": "x", "type": TYPES[kind]}]})
    file = io.BytesIO()
    fastavro.schemaless_writer(file, schema, {"x": value})
    file.seek(0)
    return file.getvalue().hex(), str(fastavro.schemaless_reader(file, schema, None)["x"])


seen = {kind: stored(kind, minus_zero) for kind in TYPES}
others = [stored(kind, Decimal(text))[1] for kind in TYPES for text in ("-0.01", "0.00")]
print(seen, others)
assert seen["bytes"][1] == "0.00", "it has changed"
assert seen["fixed"] == ("fffffffffffffffe", "-0.02"), "it has changed"
assert others == ["-0.01", "0.00"] * 2, "it has changed"
PYTHON
