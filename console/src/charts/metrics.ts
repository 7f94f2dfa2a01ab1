/** What CloudWatch would have of a stream, and the charts that are made of it. */
import { placed, route } from "../api/server";

export interface Datapoint {
  timestamp_ms: number;
  sample_count: number;
  sum: number;
  minimum: number;
  maximum: number;
  average: number;
}

export type Statistic = "sum" | "average" | "maximum";

export interface Line {
  metric: string;
  statistic: Statistic;
  name: string;
}

export interface Chart {
  title: string;
  unit: "count" | "bytes" | "ms";
  lines: Line[];
}

const line = (metric: string, name: string, statistic: Statistic = "sum"): Line => ({ metric, name, statistic });

export const CHARTS: Chart[] = [
  { title: "Records by the minute", unit: "count", lines: [line("IncomingRecords", "in"), line("GetRecords.Records", "out by GetRecords")] },
  { title: "Bytes by the minute", unit: "bytes", lines: [line("IncomingBytes", "in"), line("GetRecords.Bytes", "out by GetRecords")] },
  { title: "Iterator age", unit: "ms", lines: [line("GetRecords.IteratorAgeMilliseconds", "longest", "maximum")] },
  {
    title: "Throttled or failed", unit: "count",
    lines: [
      line("WriteProvisionedThroughputExceeded", "records in"), line("ReadProvisionedThroughputExceeded", "reads"),
      line("PutRecords.FailedRecords", "failed in PutRecords"),
    ],
  },
  {
    title: "Latency", unit: "ms",
    lines: [
      line("PutRecord.Latency", "PutRecord", "average"), line("PutRecords.Latency", "PutRecords", "average"),
      line("GetRecords.Latency", "GetRecords", "average"),
    ],
  },
  {
    title: "Calls by the minute", unit: "count",
    lines: [line("PutRecord.Success", "PutRecord"), line("PutRecords.Success", "PutRecords"), line("GetRecords.Success", "GetRecords")],
  },
];

export const CONSUMER_CHARTS: Chart[] = [
  { title: "Records by the minute", unit: "count", lines: [line("SubscribeToShardEvent.Records", "out by fan-out")] },
  { title: "Bytes by the minute", unit: "bytes", lines: [line("SubscribeToShardEvent.Bytes", "out by fan-out")] },
  { title: "Behind the latest record", unit: "ms", lines: [line("SubscribeToShardEvent.MillisBehindLatest", "longest", "maximum")] },
  {
    title: "Subscriptions by the minute", unit: "count",
    lines: [line("SubscribeToShard.Success", "begun"), line("SubscribeToShard.RateExceeded", "refused")],
  },
];

export const SHARD_CHARTS: Chart[] = [
  { title: "Records by the minute", unit: "count", lines: [line("IncomingRecords", "in"), line("OutgoingRecords", "out")] },
  { title: "Bytes by the minute", unit: "bytes", lines: [line("IncomingBytes", "in"), line("OutgoingBytes", "out")] },
  { title: "Iterator age", unit: "ms", lines: [line("IteratorAgeMilliseconds", "longest", "maximum")] },
  {
    title: "Throttled", unit: "count",
    lines: [line("WriteProvisionedThroughputExceeded", "records in"), line("ReadProvisionedThroughputExceeded", "reads")],
  },
];

export const QUEUE_CHARTS: Chart[] = [
  {
    title: "Records", unit: "count",
    lines: [line("VisibleQueueRecords", "waiting", "average"), line("InFlightQueueRecords", "in flight", "average")],
  },
  { title: "Age of the oldest record", unit: "ms", lines: [line("AgeOfOldestQueueRecord", "oldest", "maximum")] },
  {
    title: "Dead letters", unit: "count",
    lines: [line("VisibleDeadLetterQueueRecords", "visible", "average"), line("InFlightDeadLetterQueueRecords", "in flight", "average")],
  },
  {
    title: "Records by the minute", unit: "count",
    lines: [line("ReceivedQueueRecords", "received"), line("AcknowledgedQueueRecords", "acknowledged")],
  },
  { title: "Empty receives by the minute", unit: "count", lines: [line("EmptyReceives", "empty")] },
];

/** What the charts are about: a stream, one of its shards, of its consumers, or of its queues. */
export interface Subject {
  charts: Chart[];
  dimensions: Record<string, string>;
}

/** A queue if there is one, else a consumer, else a shard, else the whole stream. */
export function subjectOf(stream: string, shard: string, consumer: string, queue: { name: string; arn: string } | undefined): Subject {
  if (queue) {
    return { charts: QUEUE_CHARTS, dimensions: { QueueId: queue.arn.split("/").at(-1)!, QueueName: queue.name } };
  }
  if (consumer) return { charts: CONSUMER_CHARTS, dimensions: { StreamName: stream, ConsumerName: consumer } };
  if (shard) return { charts: SHARD_CHARTS, dimensions: { StreamName: stream, ShardId: shard } };
  return { charts: CHARTS, dimensions: { StreamName: stream } };
}

/** Times in seconds, and a row of values for each line; `null` where there is none. */
export type Series = [number[], ...(number | null)[][]];

export const MINUTE_MS = 60_000;

/** Points of several lines on one row of minutes; a count that was not told is 0, another value is unknown. */
export function aligned(points: Datapoint[][], lines: Line[], start_ms: number, end_ms: number): Series {
  const first = Math.ceil(start_ms / MINUTE_MS) * MINUTE_MS;
  const minutes: number[] = [];
  for (let minute = first; minute <= end_ms; minute += MINUTE_MS) minutes.push(minute);
  const rows = lines.map(({ statistic }, at) => {
    const values = new Map((points[at] ?? []).map((point) => [point.timestamp_ms, point[statistic]]));
    return minutes.map((minute) => values.get(minute) ?? (statistic === "sum" ? 0 : null));
  });
  return [minutes.map((minute) => minute / 1000), ...rows];
}

export async function datapoints(
  chart: Chart, dimensions: Subject["dimensions"], start_ms: number, end_ms: number,
): Promise<Datapoint[][]> {
  return Promise.all(chart.lines.map(async ({ metric }) => {
    const query = { metric, ...dimensions, start_ms: String(Math.floor(start_ms)), end_ms: String(Math.floor(end_ms)) };
    return (await route<{ datapoints: Datapoint[] }>("GET", placed("cloudwatch", query))).datapoints;
  }));
}
