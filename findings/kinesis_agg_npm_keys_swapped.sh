#!/usr/bin/env bash
# aws-kinesis-agg 4.2.8 (npm): aggregated records whose partition keys are numbers come back with each other's keys.
#
# The aggregator notes the keys in an object, key by key, and gives each record the index of its key. The table that
# it writes is `Object.keys` of that object; and JavaScript lists keys that look like whole numbers first, from low to
# high, whatever the order in which they came (ECMAScript, OrdinaryOwnPropertyKeys). So with the keys "30", "b" and
# "7", such as numbers of customers, the indices point at other keys. Magic number and checksum are right, and nothing
# fails: the consumer takes the data of one customer for that of another. Explicit hash keys, which are always
# numbers, go through the same code and are swapped too.
# The KPL's aggregation format says that an index is the place of a record's own key in the table.
#
# Seen: the data of "30", "b" and "7" under the keys "7", "30" and "b"; letters alone come back as they went.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund aws-kinesis-agg@4.2.8 > /dev/null
cat > finding.cjs <<'JS'
const { RecordAggregator, deaggregateSync } = require("aws-kinesis-agg");

function roundTrip(records) {
  const aggregator = new RecordAggregator();
  for (const record of records) aggregator.addUserRecord(record);
  const { partitionKey, data } = aggregator.build();
  const record = { kinesisSchemaVersion: "1.0", sequenceNumber: "1", approximateArrivalTimestamp: 1 };
  let back;
  deaggregateSync({ ...record, partitionKey, data: data.toString("base64") }, true, (error, found) => {
    if (error) throw error;
    back = found;
  });
  return back;
}

for (const keys of [["30", "b", "7"], ["z", "b", "y"]]) {
  const back = roundTrip(keys.map((key) => ({ partitionKey: key, data: key })));
  console.log(back.map(({ partitionKey, data }) => `${Buffer.from(data, "base64")} is ${partitionKey}`).join(", "));
}
const hashes = ["30", "7"];
const back = roundTrip(hashes.map((hash) => ({ partitionKey: "a", explicitHashKey: hash, data: hash })));
console.log(back.map(({ explicitPartitionKey: hash, data }) => `${Buffer.from(data, "base64")} is ${hash}`).join(", "));
JS
seen=$(node finding.cjs)
echo "$seen"
[ "$seen" = '30 is 7, b is 30, 7 is b
z is z, b is b, y is y
30 is 7, 7 is 30' ] || { echo "it has changed" >&2; exit 1; }
