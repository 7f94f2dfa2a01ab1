/**
 * The records that are shown: in the order of their arrival, up to a bound of rows and of bytes.
 *
 * Beyond it the oldest arrivals are let go, and counted: nothing goes unsaid.
 */
import { userRecords } from "./aggregate";
import { sizeOf } from "./payload";

export interface Row {
  shard: string;
  sequence: string;
  /** Of a user record, its place in the aggregate; else -1. */
  part: number;
  arrived_ms: number;
  key: string;
  /** In base64. */
  data: string;
  size: number;
}

export interface ShownRecord {
  SequenceNumber: string;
  ApproximateArrivalTimestamp: number;
  PartitionKey?: string;
  Data: string;
}

export const ROWS_MAX = 100_000;
export const BYTES_MAX = 96 * 1024 * 1024;

export function idOf(row: Row): string {
  return row.part < 0 ? `${row.shard}:${row.sequence}` : `${row.shard}:${row.sequence}:${row.part}`;
}

/** The rows of a record: itself, or the user records of an aggregate. */
export function rowsOf(shard: string, record: ShownRecord): Row[] {
  const common = {
    shard, sequence: record.SequenceNumber, arrived_ms: Math.round(record.ApproximateArrivalTimestamp * 1000),
  };
  const parts = userRecords(record.Data);
  if (!parts) return [{ ...common, part: -1, key: record.PartitionKey ?? "", data: record.Data, size: sizeOf(record.Data) }];
  return parts.map(({ partitionKey, data }, part) => ({ ...common, part, key: partitionKey, data, size: sizeOf(data) }));
}

export class RecordBuffer {
  rows: Row[] = [];
  /** Rows that were let go, because there are too many. */
  let_go = 0;
  private bytes = 0;
  private latest_ms = 0;

  constructor(private rowsMax = ROWS_MAX, private bytesMax = BYTES_MAX) {}

  add(rows: Row[]): void {
    let isInOrder = true;
    for (const row of rows) {
      if (row.arrived_ms < this.latest_ms) isInOrder = false;
      else this.latest_ms = row.arrived_ms;
      this.bytes += row.data.length;
      this.rows.push(row);
    }
    if (!isInOrder) this.rows.sort((a, b) => a.arrived_ms - b.arrived_ms);
    this.trim();
  }

  clear(): void {
    this.rows = [];
    this.let_go = this.bytes = this.latest_ms = 0;
  }

  /** Let a twentieth go beyond the bound, so that it is not done for each row. */
  private trim(): void {
    if (this.rows.length <= this.rowsMax && this.bytes <= this.bytesMax) return;
    let gone = 0;
    const rowsLeft = Math.floor(this.rowsMax * 0.95);
    while (gone < this.rows.length - 1 && (this.rows.length - gone > rowsLeft || this.bytes > this.bytesMax)) {
      this.bytes -= this.rows[gone]!.data.length;
      gone += 1;
    }
    this.rows = this.rows.slice(gone);
    this.let_go += gone;
  }
}
