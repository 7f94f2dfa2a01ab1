#!/usr/bin/env bash
# aws_kinesis_agg 1.2.3 (PyPI): a record without an explicit hash key comes back with that of another record.
#
# In the KPL's aggregation format the index of the explicit hash key is optional: a record without the field has no
# such key. The deaggregator reads the index without asking whether it is there, and protobuf answers 0. As soon as
# one record of an aggregate has an explicit hash key, all that have none get the first one of the table. A consumer
# that forwards records with their hash keys sends them to a shard of its own finding, against the partition key.
#
# Seen: of the records "a", "b" (with 12345) and "c" all three come back with 12345.
# As it should be: None, 12345, None.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet aws_kinesis_agg==1.2.3 protobuf==7.36.2 six==1.17.0
"$folder/venv/bin/python" - <<'PYTHON'
import base64

from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records

aggregator = RecordAggregator()
aggregator.add_user_record("a", b"1")
aggregator.add_user_record("b", b"2", "12345")
aggregator.add_user_record("c", b"3")
record = aggregator.clear_and_get()
written = [one.HasField("explicit_hash_key_index") for one in record.agg_record.records]
_, _, data = record.get_contents()
event = {"kinesisSchemaVersion": "1.0", "sequenceNumber": "1", "approximateArrivalTimestamp": 1, "partitionKey": "a"}
records = deaggregate_records([{"kinesis": {**event, "data": base64.b64encode(data)}}])
read = [one["kinesis"]["explicitHashKey"] for one in records]
print("has one when written:", written)
print("read:", read)
assert written == [False, True, False], "it has changed"
assert read == ["12345", "12345", "12345"], "it has changed"
PYTHON
