/** The records of a stream as the server feeds them, from somewhere on: up to now, or as they come. */
import { lines, placed } from "../api/server";
import type { ShownRecord } from "./record_buffer";

export interface Start {
  shard: string;
  from: "last" | "oldest" | "newest" | "time" | "sequence_number";
  /** A number of records, a time in ms since 1970 or a sequence number, as `from` has it. */
  at: string;
}

interface Line {
  Begin?: number;
  End?: string;
  ShardId?: string;
  Skipped?: number;
  MillisBehindLatest?: number;
  Records?: ShownRecord[];
}

export interface Page {
  shard: string;
  records: ShownRecord[];
}

export interface FeedEvents {
  onPages: (pages: Page[]) => void | Promise<void>;
  onSkipped: (count: number) => void;
  onEnd: (reason: string) => void;
}

const PARAMETERS: Record<Start["from"], string | null> = {
  last: "last", oldest: null, newest: null, time: "time_ms", sequence_number: "sequence_number",
};

export async function feed(
  stream: string, start: Start, follows: boolean, events: FeedEvents, signal: AbortSignal,
): Promise<void> {
  const query: Record<string, string> = { stream, from: start.from, follow: follows ? "yes" : "no" };
  if (start.shard) query.shard = start.shard;
  const parameter = PARAMETERS[start.from];
  if (parameter) query[parameter] = start.at;
  await lines(placed("records", query), async (found) => {
    const pages: Page[] = [];
    for (const line of found as Line[]) {
      if (line.Records) pages.push({ shard: line.ShardId!, records: line.Records });
      if (line.Skipped) events.onSkipped(line.Skipped);
      if (line.End) events.onEnd(line.End);
    }
    if (pages.length) await events.onPages(pages);
  }, signal);
}
