// The SDK for JavaScript v3 as programs use it, with its defaults; `sdk_clients.py` starts it:
//
//     node sdk_load.mjs MODULES put|puts|get STREAM SECONDS
//
// It prints "begin" when it is ready, works from the next line of its input on, and prints "end CALLS SECONDS".

import { createRequire } from "node:module";
import { once } from "node:events";

const [modules, what, stream, seconds] = process.argv.slice(2);
const {
  KinesisClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
} = createRequire(`${modules}/package.json`)("@aws-sdk/client-kinesis");

const PUTS_IN_FLIGHT = 100;
const BATCHES_IN_FLIGHT = 4;
const BATCH_RECORDS = 500;
const RECORD_BYTES = 100;

const kinesis = new KinesisClient();
let calls = 0;
let deadline = 0;

function record(number) {
  return { PartitionKey: `key-${number}`, Data: Buffer.alloc(RECORD_BYTES, "x") };
}

async function put(worker) {
  for (let turn = 0; performance.now() < deadline; turn++, calls++) {
    await kinesis.send(new PutRecordCommand({ StreamName: stream, ...record(worker * 1000 + turn) }));
  }
}

async function puts() {
  const Records = Array.from({ length: BATCH_RECORDS }, (_, number) => record(number));
  for (; performance.now() < deadline; calls++) {
    const { FailedRecordCount } = await kinesis.send(new PutRecordsCommand({ StreamName: stream, Records }));
    if (FailedRecordCount) throw new Error(`${FailedRecordCount} records failed`);
  }
}

async function get(start) {
  let iterator = start;
  for (; performance.now() < deadline; calls++) {
    const { Records, NextShardIterator } = await kinesis.send(new GetRecordsCommand({ ShardIterator: iterator }));
    iterator = Records.length ? NextShardIterator : start; // again from the beginning
  }
}

async function workers() {
  if (what === "put") return Array.from({ length: PUTS_IN_FLIGHT }, (_, worker) => () => put(worker));
  if (what === "puts") return Array.from({ length: BATCHES_IN_FLIGHT }, () => puts);
  const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName: stream }));
  const iterators = await Promise.all(
    Shards.map(({ ShardId }) =>
      kinesis.send(
        new GetShardIteratorCommand({ StreamName: stream, ShardId, ShardIteratorType: "TRIM_HORIZON" }),
      ),
    ),
  );
  return iterators.map(({ ShardIterator }) => () => get(ShardIterator));
}

const ready = await workers();
// Connections are there, and the hot code is compiled, when the clock runs.
deadline = performance.now() + 1000;
await Promise.all(ready.map((work) => work()));
calls = 0;
console.log("begin");
await once(process.stdin, "data");
const begin = performance.now();
deadline = begin + Number(seconds) * 1000;
await Promise.all(ready.map((work) => work()));
console.log(`end ${calls} ${(performance.now() - begin) / 1000}`);
kinesis.destroy();
process.stdin.destroy();
