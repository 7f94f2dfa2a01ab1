#!/usr/bin/env bash
# aws_kinesis_agg 1.2.3 (PyPI): a record a few bytes below the limit is thrown away without an error.
#
# `add_user_record` of the RecordAggregator refuses a record "too big to fit inside a single agg record" with a
# ValueError, and gives an aggregate back when that is full. But it measures the record alone against 1 MiB: with the
# magic number and the checksum around it, which are 20 bytes, a record of 1048541 to 1048560 bytes fits into no
# aggregate. The aggregator takes the refusal for "full", hands out what it had (an aggregate of none, if it had none),
# tries again with an empty one, and does not look at the answer, which is "no" again.
#
# Seen, with a partition key of one byte: 1048540 bytes are kept; 1048550 bytes leave an aggregate of no records and
# nothing in the aggregator, without an exception; 1048565 bytes are a ValueError.
# As it should be: a ValueError for the one in the middle too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet aws_kinesis_agg==1.2.3 protobuf==7.36.2 six==1.17.0
"$folder/venv/bin/python" - <<'PYTHON'
from aws_kinesis_agg.aggregator import RecordAggregator


def added(length: int) -> str:
    aggregator = RecordAggregator()
    try:
        full = aggregator.add_user_record("a", b"x" * length)
    except ValueError:
        return "refused"
    handed_out = 0 if full is None else full.get_num_user_records()
    return f"{handed_out} handed out, {aggregator.get_num_user_records()} kept"


seen = {length: added(length) for length in (1048540, 1048550, 1048565)}
print(seen)
assert seen == {
    1048540: "0 handed out, 1 kept",
    1048550: "0 handed out, 0 kept",
    1048565: "refused",
}, "it has changed"
PYTHON
