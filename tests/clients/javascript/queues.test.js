// What the SDK for JavaScript is expected to do with queues: every operation, over HTTP/2.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";

import {
  InvalidArgumentException,
  ListTagsForResourceCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  ValidationException,
} from "@aws-sdk/client-kinesis";

import { kinesis, Stream, textsOf, waitUntil } from "./client.js";
import { call, notCalled, QUEUE_OPERATIONS } from "./queue_commands.js";

const ON_DEMAND = { ShardCount: undefined, StreamModeDetails: { StreamMode: "ON_DEMAND" } };
const ONE_RECEIVE = { DeadLetterConfiguration: { TargetType: "BUILT_IN", MaxReceiveCount: 1 } };

after(() => kinesis.destroy());

// A queue from the first record on, ACTIVE; it goes before its stream, when the test ends.
class Queue {
  static async create(test, more = {}) {
    const stream = await Stream.create({ after() {} }, ON_DEMAND);
    const name = `javascript-${randomUUID()}`;
    const { QueueDescription: created } = await call(kinesis, "CreateQueue", {
      QueueName: name,
      StreamConfigurationList: [{ StreamARN: stream.arn, StartingPosition: { Type: "TRIM_HORIZON" } }],
      ...more,
    });
    const queue = new Queue(stream, name, created);
    test.after(() => queue.delete());
    await waitUntil(async () => (await queue.describe()).QueueStatus === "ACTIVE");
    return queue;
  }

  constructor(stream, name, created) {
    this.stream = stream;
    this.name = name;
    this.created = created;
    this.arn = created.QueueARN;
  }

  async call(name, members = {}) {
    return call(kinesis, name, { QueueARN: this.arn, ...members });
  }

  async describe() {
    return (await this.call("DescribeQueue")).QueueDescription;
  }

  async receive(members = {}) {
    return (await this.call("ReceiveQueueRecords", { WaitTimeSeconds: 20, ...members })).QueueRecords;
  }

  async deadLetters(members = {}) {
    const received = await this.call("ReceiveDeadLetterQueueRecords", { WaitTimeSeconds: 20, ...members });
    return received.QueueRecords;
  }

  async delete() {
    await this.call("DeleteQueue");
    const streamFilter = [{ StreamARN: this.stream.arn }];
    await waitUntil(async () => {
      const listed = await call(kinesis, "ListQueues", { StreamFilter: streamFilter });
      return listed.QueueSummaries.length === 0;
    });
    await this.stream.delete();
  }
}

function entries(records, more = {}) {
  return records.map(({ ReceiptHandle }) => ({ ReceiptHandle, ...more }));
}

function handles(records) {
  return records.map(({ ReceiptHandle }) => ReceiptHandle);
}

test("a queue is created, described, listed and updated", async (t) => {
  const queue = await Queue.create(t, {
    QueueAttributes: { VisibilityTimeoutSeconds: 60 },
    Tags: { owner: "Zoë" },
  });
  assert.equal(queue.created.QueueStatus, "CREATING");
  const described = await queue.describe();
  assert.equal(described.QueueName, queue.name);
  assert.ok(described.QueueCreationTimestamp > new Date("2020-01-01"));
  assert.ok(described.StreamConfigurationList[0].StartingPosition.Timestamp instanceof Date);
  assert.deepEqual(described.QueueAttributes, {
    VisibilityTimeoutSeconds: 60,
    DeadLetterConfiguration: { TargetType: "BUILT_IN", MaxReceiveCount: 6 },
  });
  const { Tags } = await kinesis.send(new ListTagsForResourceCommand({ ResourceARN: queue.arn }));
  assert.deepEqual(Tags, [{ Key: "owner", Value: "Zoë" }]);

  const streamFilter = [{ StreamARN: queue.stream.arn }];
  const { QueueSummaries } = await call(kinesis, "ListQueues", { StreamFilter: streamFilter, MaxResults: 1 });
  assert.deepEqual(QueueSummaries.map((one) => one.QueueARN), [queue.arn]);
  assert.equal(QueueSummaries[0].Streams[0].StreamARN, queue.stream.arn);

  const attributes = { VisibilityTimeoutSeconds: 0, DeadLetterConfiguration: { TargetType: "NONE" } };
  const updated = await queue.call("UpdateQueue", { QueueAttributes: attributes });
  assert.equal(updated.QueueDescription.QueueStatus, "UPDATING");
  assert.deepEqual(updated.QueueDescription.QueueAttributes, attributes);
  await waitUntil(async () => (await queue.describe()).QueueStatus === "ACTIVE");
});

test("a record is received, held longer, and acknowledged", async (t) => {
  const queue = await Queue.create(t);
  await queue.stream.put("apples");
  const records = await queue.receive({ Limit: 1, VisibilityTimeoutSeconds: 30 });
  assert.deepEqual(textsOf(records), ["apples"]);
  const [record] = records;
  assert.equal(record.PartitionKey, "key");
  assert.equal(record.ReceiveCount, 1);
  assert.match(record.RecordId, /^[a-z0-9]{1,64}$/);
  assert.ok(record.ApproximateArrivalTimestamp <= record.FirstReceiveTimestamp);

  const longer = await queue.call("UpdateQueueRecordsVisibility", {
    Entries: entries(records, { VisibilityTimeoutSeconds: 600 }),
  });
  assert.deepEqual([longer.Successful, longer.Failed], [entries(records), []]);
  const acknowledged = await queue.call("AcknowledgeQueueRecords", {
    Entries: [...entries(records), { ReceiptHandle: "made up" }],
  });
  assert.deepEqual(acknowledged.Successful, entries(records));
  const [failed] = acknowledged.Failed;
  assert.deepEqual([failed.ReceiptHandle, failed.ErrorCode], ["made up", "InvalidArgumentException"]);
});

test("a receive that waits has a record as soon as one is put", async (t) => {
  const queue = await Queue.create(t);
  const received = queue.receive();
  await queue.stream.put("at last");
  assert.deepEqual(textsOf(await received), ["at last"]);
});

test("workers on one connection never share a record", async (t) => {
  const queue = await Queue.create(t);
  const put = Array.from({ length: 40 }, (_, number) => `record ${number}`);
  for (const text of put) await queue.stream.put(text);
  const seen = [];
  async function work() {
    while (seen.length < put.length) {
      const records = await queue.receive({ Limit: 3, WaitTimeSeconds: 1 });
      seen.push(...textsOf(records));
      if (records.length) await queue.call("AcknowledgeQueueRecords", { Entries: entries(records) });
    }
  }
  await Promise.all(Array.from({ length: 8 }, work));
  assert.deepEqual(seen.sort(), put.sort());
});

test("dead letters are received, held, restored and acknowledged", async (t) => {
  const queue = await Queue.create(t, { QueueAttributes: ONE_RECEIVE });
  await queue.stream.put("poison");
  const [first] = await queue.receive({ VisibilityTimeoutSeconds: 0 });
  const dead = await queue.deadLetters({ Limit: 10 });
  assert.deepEqual(textsOf(dead), ["poison"]);
  assert.equal(dead[0].RecordId, first.RecordId);
  const held = await queue.call("UpdateDeadLetterQueueRecordsVisibility", {
    Entries: entries(dead, { VisibilityTimeoutSeconds: 600 }),
  });
  assert.deepEqual(handles(held.Successful), handles(dead));
  const restored = await queue.call("RestoreDeadLetterQueueRecords", { Entries: entries(dead) });
  assert.deepEqual(handles(restored.Successful), handles(dead));

  const [again] = await queue.receive({ VisibilityTimeoutSeconds: 0 });
  assert.equal(again.ReceiveCount, 1);
  const deadAgain = await queue.deadLetters();
  const acknowledged = await queue.call("AcknowledgeDeadLetterQueueRecords", { Entries: entries(deadAgain) });
  assert.deepEqual(handles(acknowledged.Successful), handles(deadAgain));
});

test("errors are of the SDK's own types", async (t) => {
  const queue = await Queue.create(t);
  const made = call(kinesis, "CreateQueue", {
    QueueName: queue.name,
    StreamConfigurationList: [{ StreamARN: queue.stream.arn }],
  });
  await assert.rejects(made, ResourceInUseException);
  await assert.rejects(queue.receive({ Limit: 11 }), ValidationException);
  const elsewhere = { QueueARN: queue.arn.replace(/[^/]+$/, "0".repeat(32)) };
  await assert.rejects(call(kinesis, "DescribeQueue", elsewhere), ResourceNotFoundException);
  await assert.rejects(call(kinesis, "ListQueues", { NextToken: "made up" }), InvalidArgumentException);
});

test("every operation on queues was called, over HTTP/2", () => {
  assert.equal(QUEUE_OPERATIONS.length, 12);
  assert.deepEqual(notCalled(), []);
  assert.equal(kinesis.config.requestHandler.metadata.handlerProtocol, "h2");
});
