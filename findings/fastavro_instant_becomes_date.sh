#!/usr/bin/env bash
# fastavro 1.13.1: in a union of a date and a timestamp an instant is written as its date, and the time of day is gone.
#
# For a union the writer takes the first branch that the value fits. A Python `datetime` is a subclass of `date`, so
# that it "fits" a date; the timestamp behind it in the union, which it fits without loss, is never looked at. The file
# is valid, says "date", and every reader reads a day. With the branches the other way round it is right, and
# a date is too: the order of the branches decides, to which Avro gives a meaning for default values only.
#
# Seen, of 2026-05-06T07:08:09Z: [date, timestamp]: the date 2026-05-06; [timestamp, date]: the instant.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fastavro==1.13.1
"$folder/venv/bin/python" - <<'PYTHON'
import io
from datetime import date, datetime, timezone

import fastavro

DATE = {"type": "int", "logicalType": "date"}
TIMESTAMP = {"type": "long", "logicalType": "timestamp-micros"}
instant, day = datetime(2026, 5, 6, 7, 8, 9, tzinfo=timezone.utc), date(2026, 5, 6)


def stored(value: date, *branches: dict) -> date:
    """The value that is read back."""
    field = {"name": "at", "type": ["null", *branches]}
    schema = fastavro.parse_schema({"type": "record", "name": "row", "fields": [field]})
    file = io.BytesIO()
    fastavro.writer(file, schema, [{"at": value}], validator=True)
    file.seek(0)
    return next(fastavro.reader(file))["at"]


seen = {
    "date first": [stored(value, DATE, TIMESTAMP) for value in (instant, day)],
    "timestamp first": [stored(value, TIMESTAMP, DATE) for value in (instant, day)],
}
print(seen)
assert seen == {"date first": [day, day], "timestamp first": [instant, day]}, "it has changed"
PYTHON
