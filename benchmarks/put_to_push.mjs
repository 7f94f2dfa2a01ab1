// The SDK for JavaScript's part of put_to_push.py, which starts it:
//
//     node put_to_push.mjs write STREAM RATE BATCH RECORDS    puts, then prints the rate
//     node put_to_push.mjs read CONSUMER_ARN RECORDS          prints "subscribed", then milliseconds

import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const require = createRequire(new URL("../tests/clients/javascript/package.json", import.meta.url));
const {
  KinesisClient,
  PutRecordCommand,
  PutRecordsCommand,
  SubscribeToShardCommand,
} = require("@aws-sdk/client-kinesis");

const SHARD = "shardId-000000000000";
const RECORD_BYTES = 100;

const kinesis = new KinesisClient();

async function write(stream, rate, batch, records) {
  const begin = performance.now();
  for (let sent = 0; sent < records; sent += batch) {
    const wait = begin + (sent / rate) * 1000 - performance.now();
    if (wait > 0) await sleep(wait);
    const data = Buffer.alloc(RECORD_BYTES);
    data.writeBigUInt64LE(process.hrtime.bigint());
    const record = { PartitionKey: "key", Data: data };
    const put =
      batch === 1
        ? new PutRecordCommand({ StreamName: stream, ...record })
        : new PutRecordsCommand({ StreamName: stream, Records: Array(batch).fill(record) });
    await kinesis.send(put);
  }
  console.log((records / (performance.now() - begin)) * 1000);
}

async function read(consumerArn, records) {
  const done = new AbortController();
  const { EventStream } = await kinesis.send(
    new SubscribeToShardCommand({
      ConsumerARN: consumerArn,
      ShardId: SHARD,
      StartingPosition: { Type: "LATEST" },
    }),
    { abortSignal: done.signal },
  );
  const tookMs = [];
  for await (const { SubscribeToShardEvent: event } of EventStream) {
    const now = process.hrtime.bigint();
    for (const { Data } of event.Records) {
      const put = Buffer.from(Data).readBigUInt64LE();
      tookMs.push(Number(now - put) / 1e6);
    }
    if (tookMs.length === 0) console.log("subscribed");
    if (tookMs.length >= records) break;
  }
  console.log(JSON.stringify(tookMs));
  done.abort();
}

const [role, subject, ...numbers] = process.argv.slice(2);
await (role === "write" ? write : read)(subject, ...numbers.map(Number));
kinesis.destroy();
