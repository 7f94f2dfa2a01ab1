/** Queues as the server tells them at a glance, and how they are made, changed and deleted. */
import { kinesis, placed, route } from "../api/server";

export interface Counts {
  visible: number;
  in_flight: number;
  dead_visible: number;
  dead_in_flight: number;
}

export interface QueueRow {
  name: string;
  arn: string;
  stream: string;
  status: string;
  created_ms: number;
  starting_position: StartType;
  starting_ms: number | null;
  visibility_timeout_s: number;
  /** `null`: a record never becomes a dead letter. */
  max_receive_count: number | null;
  /** `null` while it hands out nothing. */
  counts: Counts | null;
  totals: { received: number; acknowledged: number; empty_receives: number } | null;
  oldest_age_ms: number | null;
}

export type StartType = "LATEST" | "TRIM_HORIZON" | "AT_TIMESTAMP";

export interface Attributes {
  visibility_timeout_s: number;
  max_receive_count: number | null;
}

/** The queues of a stream, in the order of their names. */
export async function listQueues(stream: string): Promise<QueueRow[]> {
  return (await route<{ queues: QueueRow[] }>("GET", placed("queues", { stream }))).queues;
}

export function deadLettersOf(queue: QueueRow): number {
  return queue.counts ? queue.counts.dead_visible + queue.counts.dead_in_flight : 0;
}

export async function createQueue(
  streamArn: string, name: string, start: { type: StartType; time_ms: number }, attributes: Attributes,
): Promise<void> {
  const timestamp = start.type === "AT_TIMESTAMP" ? { Timestamp: start.time_ms / 1000 } : {};
  await kinesis("CreateQueue", {
    QueueName: name,
    StreamConfigurationList: [{ StreamARN: streamArn, StartingPosition: { Type: start.type, ...timestamp } }],
    QueueAttributes: attributesOf(attributes),
  });
}

export async function updateQueue(arn: string, attributes: Attributes): Promise<void> {
  await kinesis("UpdateQueue", { QueueARN: arn, QueueAttributes: attributesOf(attributes) });
}

export async function deleteQueue(arn: string): Promise<void> {
  await kinesis("DeleteQueue", { QueueARN: arn });
}

function attributesOf({ visibility_timeout_s, max_receive_count }: Attributes): Record<string, unknown> {
  return {
    VisibilityTimeoutSeconds: visibility_timeout_s,
    DeadLetterConfiguration: max_receive_count === null
      ? { TargetType: "NONE" } : { TargetType: "BUILT_IN", MaxReceiveCount: max_receive_count },
  };
}
