// A client as the SDK makes it by default, and a stream of its own for each test.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  PutRecordCommand,
  RegisterStreamConsumerCommand,
  SplitShardCommand,
  SubscribeToShardCommand,
} from "@aws-sdk/client-kinesis";

export const SHARD = "shardId-000000000000";
export const MIDDLE = (2n ** 127n).toString();

export const kinesis = new KinesisClient();

export async function waitUntil(holds) {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited too long for ${holds}`);
    await sleep(20);
  }
}

// A stream of one shard, ACTIVE; it goes when the test ends.
export class Stream {
  static async create(test, more = {}) {
    const stream = new Stream(`javascript-${randomUUID()}`);
    await kinesis.send(new CreateStreamCommand({ StreamName: stream.name, ShardCount: 1, ...more }));
    test.after(() => stream.delete());
    await stream.active();
    return stream;
  }

  constructor(name) {
    this.name = name;
  }

  async active() {
    await waitUntil(async () => {
      const { StreamDescriptionSummary: summary } = await kinesis.send(
        new DescribeStreamSummaryCommand({ StreamName: this.name }),
      );
      this.arn = summary.StreamARN;
      return summary.StreamStatus === "ACTIVE";
    });
  }

  async put(text) {
    const record = { StreamName: this.name, PartitionKey: "key", Data: Buffer.from(text) };
    return kinesis.send(new PutRecordCommand(record));
  }

  async split() {
    const split = { StreamName: this.name, ShardToSplit: SHARD, NewStartingHashKey: MIDDLE };
    await kinesis.send(new SplitShardCommand(split));
    await this.active();
  }

  // Registers a consumer and waits until it is ACTIVE.
  async register(consumerName) {
    const { Consumer } = await kinesis.send(
      new RegisterStreamConsumerCommand({ StreamARN: this.arn, ConsumerName: consumerName }),
    );
    const ConsumerARN = Consumer.ConsumerARN;
    await waitUntil(async () => {
      const { ConsumerDescription: described } = await kinesis.send(
        new DescribeStreamConsumerCommand({ ConsumerARN }),
      );
      return described.ConsumerStatus === "ACTIVE";
    });
    return ConsumerARN;
  }

  async delete() {
    await kinesis.send(new DeleteStreamCommand({ StreamName: this.name, EnforceConsumerDeletion: true }));
  }
}

// The events of a subscription, one after the other. The SDK does not end the call when its
// events are read no more: that takes the signal.
export class Subscription {
  static async start(consumerArn, position, shardId = SHARD) {
    const left = new AbortController();
    const { EventStream } = await kinesis.send(
      new SubscribeToShardCommand({
        ConsumerARN: consumerArn,
        ShardId: shardId,
        StartingPosition: position,
      }),
      { abortSignal: left.signal },
    );
    return new Subscription(EventStream[Symbol.asyncIterator](), left);
  }

  constructor(events, left) {
    this.events = events;
    this.left = left;
  }

  // The next event; undefined when the subscription has ended.
  async next() {
    const { value } = await this.events.next();
    return value?.SubscribeToShardEvent;
  }

  // The texts of the next records, in however many events they come.
  async texts(count) {
    const texts = [];
    while (texts.length < count) texts.push(...textsOf((await this.next()).Records));
    return texts;
  }

  stop() {
    this.left.abort();
  }
}

export function textsOf(records) {
  return records.map((record) => Buffer.from(record.Data).toString());
}
