/** Streams as the server tells them at a glance, and how fast their totals grow. */
import { placed, route } from "../api/server";

export interface Totals {
  records_in: number;
  bytes_in: number;
  records_out: number;
  bytes_out: number;
  records_refused: number;
  reads_refused: number;
}

export interface StreamRow {
  name: string;
  arn: string;
  status: string;
  mode: string;
  created_ms: number;
  open_shards: number;
  shards: number;
  consumers: number;
  retention_hours: number;
  encryption: string;
  has_policy: boolean;
  tags: number;
  records: number;
  oldest_ms: number | null;
  newest_ms: number | null;
  totals: Totals;
  /** Sums of each of the last 30 minutes, the one under way last. */
  by_minute: Record<"records_in" | "bytes_in" | "records_out" | "bytes_out", number[]>;
}

export interface Streams {
  now_ms: number;
  streams: StreamRow[];
}

export function listStreams(): Promise<Streams> {
  return route<Streams>("GET", placed("streams"));
}

/** How fast numbers grow that are looked at again and again, by the second. */
export class Rates<T extends string> {
  private before = new Map<string, { at_s: number; numbers: Record<T, number> }>();
  private rates = new Map<string, Record<T, number>>();

  /** Take in what is seen now; the clock is the browser's, since that of streams may stand still. */
  see(name: string, numbers: Record<T, number>, now_s: number = performance.now() / 1000): void {
    const was = this.before.get(name);
    if (was && now_s - was.at_s < 0.5) return;
    if (was) {
      const grown = Object.entries(numbers).map(([key, value]) => [
        key, Math.max(0, ((value as number) - was.numbers[key as T]) / (now_s - was.at_s)),
      ]);
      this.rates.set(name, Object.fromEntries(grown) as Record<T, number>);
    }
    this.before.set(name, { at_s: now_s, numbers });
  }

  /** The rate of one number; 0 while it has been seen once only. */
  of(name: string, key: T): number {
    return this.rates.get(name)?.[key] ?? 0;
  }
}
