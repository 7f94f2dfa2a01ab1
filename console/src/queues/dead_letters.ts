/**
 * Dead letters: looked at without being received, and restored or acknowledged by receipt.
 *
 * Who wants one has to receive it, and a queue gives those that it likes. So dead letters are received until those
 * that are wanted have been among them, and the others are given back at once.
 */
import { kinesis, route } from "../api/server";
import { listQueues, type QueueRow } from "./queues";

export interface DeadLetter {
  id: string;
  shard: string;
  partition_key: string | null;
  /** In base64. */
  data: string;
  arrival_ms: number;
  first_receive_ms: number | null;
  receives: number;
  /** Somebody has received it. */
  is_in_flight: boolean;
}

export type Verdict = "restore" | "acknowledge";

interface Received {
  RecordId: string;
  ReceiptHandle: string;
}

const OPERATIONS: Record<Verdict, string> = {
  restore: "RestoreDeadLetterQueueRecords", acknowledge: "AcknowledgeDeadLetterQueueRecords",
};
const BATCH = 10;
/** While a dead letter is looked for, nobody else gets those that are held. */
const HELD_S = 60;

/** The first pages of a queue's dead letters; `isWhole`: there are no more. */
export async function lookAtDeadLetters(arn: string, pages: number): Promise<{ letters: DeadLetter[]; isWhole: boolean }> {
  const letters: DeadLetter[] = [];
  let after = "";
  for (let page = 0; page < pages; page += 1) {
    const query = new URLSearchParams({ queue: arn, after }).toString();
    const told = await route<{ dead_letters: DeadLetter[]; after: string | null }>("GET", `dead-letters?${query}`);
    letters.push(...told.dead_letters);
    if (told.after === null) return { letters, isWhole: true };
    after = told.after;
  }
  return { letters, isWhole: false };
}

/** What is asked of the server to settle dead letters. */
export interface Calls {
  kinesis: typeof kinesis;
  /** How many can be received: to ask for more than there are is to wait. */
  receivable: () => Promise<number>;
}

export function callsOf(queue: QueueRow): Calls {
  const receivable = async () => {
    const found = (await listQueues(queue.stream)).find((each) => each.arn === queue.arn);
    return found?.counts?.dead_visible ?? 0;
  };
  return { kinesis, receivable };
}

/**
 * Restore or acknowledge dead letters by their ids, or all that can be received; how many there were of them.
 *
 * Throws what the calls throw, and the first refusal of an entry.
 */
export async function settleDeadLetters(
  arn: string, wanted: ReadonlySet<string> | "all", verdict: Verdict, { kinesis: call, receivable }: Calls,
): Promise<number> {
  const held: Received[] = [];
  let done = 0;
  try {
    while ((wanted === "all" || done < wanted.size) && (await receivable()) > 0) {
      const { QueueRecords: found } = await call<{ QueueRecords: Received[] }>("ReceiveDeadLetterQueueRecords", {
        QueueARN: arn, Limit: BATCH, WaitTimeSeconds: 1, VisibilityTimeoutSeconds: HELD_S,
      });
      if (!found.length) break;
      const isWanted = (record: Received) => wanted === "all" || wanted.has(record.RecordId);
      held.push(...found.filter((record) => !isWanted(record)));
      done += await settle(arn, found.filter(isWanted), verdict, call);
    }
  } finally {
    await giveBack(arn, held, call);
  }
  return done;
}

async function settle(arn: string, records: Received[], verdict: Verdict, call: typeof kinesis): Promise<number> {
  if (!records.length) return 0;
  const { Failed: failed } = await call<{ Failed: { ErrorCode: string; ErrorMessage?: string }[] }>(OPERATIONS[verdict], {
    QueueARN: arn, Entries: records.map((record) => ({ ReceiptHandle: record.ReceiptHandle })),
  });
  if (failed[0]) throw new Error(failed[0].ErrorMessage ?? failed[0].ErrorCode);
  return records.length;
}

async function giveBack(arn: string, records: Received[], call: typeof kinesis): Promise<void> {
  for (let at = 0; at < records.length; at += BATCH) {
    const entries = records.slice(at, at + BATCH).map((record) => ({ ReceiptHandle: record.ReceiptHandle, VisibilityTimeoutSeconds: 0 }));
    await call("UpdateDeadLetterQueueRecordsVisibility", { QueueARN: arn, Entries: entries });
  }
}
