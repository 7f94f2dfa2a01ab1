// What the SDK for JavaScript is expected to do against Headwater.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import {
  AddTagsToStreamCommand,
  DeleteStreamCommand,
  DeregisterStreamConsumerCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamConsumersCommand,
  ListStreamsCommand,
  ListTagsForStreamCommand,
  PutRecordCommand,
  PutRecordsCommand,
  ResourceInUseException,
  ResourceNotFoundException,
} from "@aws-sdk/client-kinesis";

import { kinesis, MIDDLE, SHARD, Stream, Subscription, textsOf, waitUntil } from "./client.js";

const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => byte);

after(() => kinesis.destroy());

async function iteratorOf(stream, shardId = SHARD) {
  const { ShardIterator } = await kinesis.send(
    new GetShardIteratorCommand({
      StreamName: stream.name,
      ShardId: shardId,
      ShardIteratorType: "TRIM_HORIZON",
    }),
  );
  return ShardIterator;
}

async function read(stream, count, shardId = SHARD) {
  const records = [];
  let next = await iteratorOf(stream, shardId);
  while (records.length < count) {
    const page = await kinesis.send(new GetRecordsCommand({ ShardIterator: next }));
    records.push(...page.Records);
    next = page.NextShardIterator;
  }
  return records;
}

async function streamNames(client = kinesis) {
  return (await client.send(new ListStreamsCommand({ Limit: 10000 }))).StreamNames;
}

test("it speaks HTTP/2, which is its default for Kinesis", async () => {
  await kinesis.send(new ListStreamsCommand({}));
  assert.equal(kinesis.config.requestHandler.metadata.handlerProtocol, "h2");
});

test("the endpoint may be given in the code", async (t) => {
  const stream = await Stream.create(t);
  const endpoint = process.env.AWS_ENDPOINT_URL_KINESIS;
  const client = new KinesisClient({ endpoint });
  t.after(() => client.destroy());
  assert.ok((await streamNames(client)).includes(stream.name));
});

test("a stream lives from creation to deletion", async (t) => {
  const stream = await Stream.create(t);
  const { StreamDescription: description } = await kinesis.send(
    new DescribeStreamCommand({ StreamName: stream.name }),
  );
  assert.equal(description.StreamStatus, "ACTIVE");
  assert.ok(description.StreamCreationTimestamp > new Date("2020-01-01"));
  assert.deepEqual(description.Shards.map((shard) => shard.ShardId), [SHARD]);
  assert.ok((await streamNames()).includes(stream.name));

  const other = await Stream.create({ after() {} });
  await kinesis.send(new DeleteStreamCommand({ StreamName: other.name }));
  await waitUntil(async () => !(await streamNames()).includes(other.name));
});

test("tags come back", async (t) => {
  const stream = await Stream.create(t, { Tags: { stage: "test" } });
  await kinesis.send(new AddTagsToStreamCommand({ StreamName: stream.name, Tags: { owner: "Zoë" } }));
  const { Tags } = await kinesis.send(new ListTagsForStreamCommand({ StreamName: stream.name }));
  assert.deepEqual(Tags, [
    { Key: "owner", Value: "Zoë" },
    { Key: "stage", Value: "test" },
  ]);
});

test("one binary record comes back as it was put", async (t) => {
  const stream = await Stream.create(t);
  const placed = await kinesis.send(
    new PutRecordCommand({ StreamName: stream.name, PartitionKey: "Ключ", Data: EVERY_BYTE }),
  );
  const [record] = await read(stream, 1);
  assert.deepEqual(Uint8Array.from(record.Data), EVERY_BYTE);
  assert.equal(record.PartitionKey, "Ключ");
  assert.equal(record.SequenceNumber, placed.SequenceNumber);
  assert.ok(record.ApproximateArrivalTimestamp > new Date("2020-01-01"));
});

test("many records come back in order", async (t) => {
  const stream = await Stream.create(t);
  const texts = Array.from({ length: 500 }, (_, number) => `record ${number}`);
  const answer = await kinesis.send(
    new PutRecordsCommand({
      StreamName: stream.name,
      Records: texts.map((text) => ({ PartitionKey: "key", Data: Buffer.from(text) })),
    }),
  );
  assert.equal(answer.FailedRecordCount, 0);
  assert.deepEqual(textsOf(await read(stream, 500)), texts);
});

test("reading goes on from a split shard to its children", async (t) => {
  const stream = await Stream.create(t);
  await stream.put("before");
  let page = await kinesis.send(new GetRecordsCommand({ ShardIterator: await iteratorOf(stream) }));
  assert.deepEqual(textsOf(page.Records), ["before"]);

  await stream.put("last");
  await stream.split();
  await stream.put("after");
  const texts = [];
  while (page.NextShardIterator) {
    assert.equal(page.ChildShards, undefined);
    page = await kinesis.send(new GetRecordsCommand({ ShardIterator: page.NextShardIterator }));
    texts.push(...textsOf(page.Records));
  }
  assert.deepEqual(texts, ["last"]);

  const [lower, upper] = page.ChildShards;
  assert.deepEqual([lower.ParentShards, upper.ParentShards], [[SHARD], [SHARD]]);
  assert.equal(upper.HashKeyRange.StartingHashKey, MIDDLE);
  // The hash of `key` is in the lower half.
  assert.deepEqual(textsOf(await read(stream, 1, lower.ShardId)), ["after"]);
  const { Shards } = await kinesis.send(
    new ListShardsCommand({ StreamName: stream.name, ShardFilter: { Type: "AT_LATEST" } }),
  );
  assert.deepEqual(Shards.map((shard) => shard.ShardId), [lower.ShardId, upper.ShardId]);
});

test("an error is of its own type, with the text of AWS", async () => {
  const described = kinesis.send(new DescribeStreamSummaryCommand({ StreamName: "nowhere" }));
  await assert.rejects(described, (error) => {
    assert.ok(error instanceof ResourceNotFoundException);
    assert.equal(error.message, "Stream nowhere under account 000000000000 not found.");
    return true;
  });
});

test("consumers are registered, listed and deregistered", async (t) => {
  const stream = await Stream.create(t);
  const consumerArn = await stream.register("reader");
  assert.ok(consumerArn.startsWith(`${stream.arn}/consumer/reader:`));
  await assert.rejects(stream.register("reader"), ResourceInUseException);
  const listed = new ListStreamConsumersCommand({ StreamARN: stream.arn });
  const { Consumers } = await kinesis.send(listed);
  assert.deepEqual(Consumers.map((one) => one.ConsumerARN), [consumerArn]);
  await kinesis.send(new DeregisterStreamConsumerCommand({ ConsumerARN: consumerArn }));
  await waitUntil(async () => (await kinesis.send(listed)).Consumers.length === 0);
});

test("records are pushed as they are put", async (t) => {
  const stream = await Stream.create(t);
  const subscription = await Subscription.start(await stream.register("reader"), { Type: "LATEST" });
  const first = await subscription.next();
  assert.deepEqual(first.Records, []);
  assert.equal(first.MillisBehindLatest, 0);
  for (const text of ["one", "two", "three"]) {
    await stream.put(text);
    const event = await subscription.next();
    assert.deepEqual(textsOf(event.Records), [text]);
    assert.ok(event.ContinuationSequenceNumber > first.ContinuationSequenceNumber);
  }
  subscription.stop();
});

test("a subscription follows its shard to the end, and then its children", async (t) => {
  const stream = await Stream.create(t);
  const consumerArn = await stream.register("reader");
  await stream.put("before");
  const subscription = await Subscription.start(consumerArn, { Type: "TRIM_HORIZON" });
  assert.deepEqual(await subscription.texts(1), ["before"]);
  await stream.put("last");
  assert.deepEqual(await subscription.texts(1), ["last"]);

  await stream.split();
  let end = await subscription.next();
  while (end.ContinuationSequenceNumber) {
    assert.equal(end.ChildShards, undefined);
    end = await subscription.next();
  }
  assert.deepEqual(end.ChildShards.map((child) => child.ParentShards), [[SHARD], [SHARD]]);
  assert.equal(await subscription.next(), undefined);

  await stream.put("after");
  const lower = end.ChildShards.find((child) => child.HashKeyRange.StartingHashKey === "0");
  const next = await Subscription.start(consumerArn, { Type: "TRIM_HORIZON" }, lower.ShardId);
  assert.deepEqual(await next.texts(1), ["after"]);
  next.stop();
});

test("twenty subscriptions at once all get every record", async (t) => {
  const stream = await Stream.create(t);
  const subscriptions = [];
  for (let number = 0; number < 20; number++) {
    const consumerArn = await stream.register(`reader-${number}`);
    subscriptions.push(await Subscription.start(consumerArn, { Type: "LATEST" }));
  }
  await Promise.all(subscriptions.map((subscription) => subscription.next()));
  await stream.put("one");
  await stream.put("two");
  const texts = await Promise.all(subscriptions.map((subscription) => subscription.texts(2)));
  assert.deepEqual(texts, subscriptions.map(() => ["one", "two"]));
  subscriptions.forEach((subscription) => subscription.stop());
});

test("a subscription that is left makes room for another", async (t) => {
  const stream = await Stream.create(t);
  const consumerArn = await stream.register("reader");
  const subscription = await Subscription.start(consumerArn, { Type: "LATEST" });
  await subscription.next();
  subscription.stop();
  // While it counted as active, another would be refused for five seconds.
  await sleep(1000);
  const next = await Subscription.start(consumerArn, { Type: "LATEST" });
  await next.next();
  next.stop();
});

test("a subscription ends with the exception when its consumer goes", async (t) => {
  const stream = await Stream.create(t);
  const consumerArn = await stream.register("reader");
  const subscription = await Subscription.start(consumerArn, { Type: "LATEST" });
  await subscription.next();
  await kinesis.send(new DeregisterStreamConsumerCommand({ ConsumerARN: consumerArn }));
  await assert.rejects(async () => {
    while (await subscription.next());
  }, ResourceNotFoundException);
});

test("an unknown shard is refused before the first event", async (t) => {
  const stream = await Stream.create(t);
  const consumerArn = await stream.register("reader");
  const subscribed = Subscription.start(consumerArn, { Type: "LATEST" }, "shardId-000000000007");
  await assert.rejects(subscribed, ResourceNotFoundException);
});
