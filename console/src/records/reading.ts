/**
 * One reading of a stream: what is read, what of it is wanted, and what is shown of that.
 *
 * The server is asked for more only when a batch has been taken in, so a browser that cannot
 * follow is behind, and never skips. The picture changes a few times a second at most.
 */
import { RecordBuffer, rowsOf, type Row } from "./record_buffer";
import { feed, type Start } from "./record_feed";

export type Phase = "reading" | "live" | "done" | "stopped";

const PICTURE_MS = 100;
const SLICE_MS = 25;
const RATE_S = 3;

export class Reading {
  readonly buffer = new RecordBuffer();
  phase: Phase = "reading";
  error: Error | undefined;
  /** Records looked at, user records of aggregates each for itself. */
  read = 0;
  /** Records that retention took before they could be read. */
  skipped = 0;
  private stopper = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private arrivals: [number, number][] = [];

  constructor(
    readonly stream: string, readonly start: Start, private follows: boolean,
    private wanted: ((row: Row) => boolean) | null, private onChange: () => void,
  ) {}

  begin(): void {
    this.phase = this.follows ? "live" : "reading";
    const events = {
      onPages: (pages: { shard: string; records: Parameters<typeof rowsOf>[1][] }[]) => this.take(pages),
      onSkipped: (count: number) => { this.skipped += count; },
      onEnd: () => { this.phase = "done"; },
    };
    feed(this.stream, this.start, this.follows, events, this.stopper.signal)
      .then(() => { if (this.phase !== "stopped") this.phase = "done"; })
      .catch((error: Error) => {
        if (error.name === "AbortError") return;
        this.error = error;
        this.phase = "done";
      })
      .finally(() => this.changed());
  }

  /** What was read stays. */
  stop(): void {
    this.stopper.abort();
    if (this.phase !== "done") this.phase = "stopped";
    this.changed();
  }

  /** Records by the second, of late. */
  rate(): number {
    const now = performance.now();
    this.arrivals = this.arrivals.filter(([at]) => now - at < RATE_S * 1000);
    return this.arrivals.reduce((sum, [, count]) => sum + count, 0) / RATE_S;
  }

  private async take(pages: { shard: string; records: Parameters<typeof rowsOf>[1][] }[]): Promise<void> {
    let sliceEnd = performance.now() + SLICE_MS;
    let rows: Row[] = [];
    for (const { shard, records } of pages) {
      for (const record of records) {
        const found = rowsOf(shard, record);
        this.read += found.length;
        for (const row of found) if (!this.wanted || this.wanted(row)) rows.push(row);
        if (performance.now() > sliceEnd) {
          this.buffer.add(rows);
          rows = [];
          this.changed();
          await new Promise((resolve) => setTimeout(resolve));
          if (this.stopper.signal.aborted) return;
          sliceEnd = performance.now() + SLICE_MS;
        }
      }
      this.arrivals.push([performance.now(), records.length]);
    }
    this.buffer.add(rows);
    this.changed();
  }

  private changed(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.onChange();
    }, PICTURE_MS);
  }
}
