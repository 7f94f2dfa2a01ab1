import { expect, test } from "vitest";
import { aligned, CHARTS, CONSUMER_CHARTS, QUEUE_CHARTS, SHARD_CHARTS, subjectOf, type Datapoint } from "./metrics";

function point(timestamp_ms: number, value: number): Datapoint {
  return { timestamp_ms, sample_count: 1, sum: value, minimum: value, maximum: value, average: value };
}

test("lines share their minutes; a count that was not told is none, an age that was not told is unknown", () => {
  const lines = [
    { metric: "IncomingRecords", name: "in", statistic: "sum" as const },
    { metric: "Age", name: "longest", statistic: "maximum" as const },
  ];
  expect(aligned([[point(60_000, 5)], [point(120_000, 7)]], lines, 30_000, 180_000)).toEqual([
    [60, 120, 180], [5, 0, 0], [null, 7, null],
  ]);
});

test("a queue is told by its id and its name, all else by the stream's", () => {
  const queue = { name: "work", arn: "arn:aws:kinesis:eu-west-1:123456789012:queue/0a1b" };
  expect(subjectOf("orders", "", "", queue)).toEqual({ charts: QUEUE_CHARTS, dimensions: { QueueId: "0a1b", QueueName: "work" } });
  expect(subjectOf("orders", "shardId-000000000001", "", undefined)).toEqual({
    charts: SHARD_CHARTS, dimensions: { StreamName: "orders", ShardId: "shardId-000000000001" },
  });
  expect(subjectOf("orders", "", "billing", undefined)).toEqual({
    charts: CONSUMER_CHARTS, dimensions: { StreamName: "orders", ConsumerName: "billing" },
  });
  expect(subjectOf("orders", "", "", undefined)).toEqual({ charts: CHARTS, dimensions: { StreamName: "orders" } });
});
