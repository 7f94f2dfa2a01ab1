/** Records as files: JSON lines, or CSV. */
import { payloadOf } from "./payload";
import { rowsOf, type Row } from "./record_buffer";
import { feed, type Start } from "./record_feed";

export type Format = "jsonl" | "csv";

const HEAD = "shard,sequence_number,arrived,partition_key,data,data_base64\r\n";
/** How a spreadsheet is led to take a text for a formula; then the text gets an apostrophe in front. */
const FORMULA = /^[=+\-@\t\r]/;

/** A row as text; data as JSON where it is that, else as text, else in base64 only. */
export function written(row: Row, format: Format): string {
  const payload = payloadOf(row.data);
  const arrived = new Date(row.arrived_ms).toISOString();
  if (format === "csv") {
    return `${[row.shard, row.sequence, arrived, row.key, payload.text ?? "", row.data].map(quoted).join(",")}\r\n`;
  }
  const data = payload.json !== undefined ? payload.json : payload.text;
  return `${JSON.stringify({
    shard: row.shard, sequence_number: row.sequence, arrived, partition_key: row.key,
    ...(data === null ? {} : { data }), data_base64: row.data,
  })}\n`;
}

export function fileOf(rows: Iterable<Row>, format: Format): Blob {
  const parts = format === "csv" ? [HEAD] : [];
  for (const row of rows) parts.push(written(row, format));
  return new Blob(parts, { type: format === "csv" ? "text/csv" : "application/x-ndjson" });
}

/** Everything that matches, whether it is shown or not: the stream is read once more, up to now. */
export async function allThatMatches(
  stream: string, start: Start, wanted: ((row: Row) => boolean) | null, format: Format,
  onProgress: (count: number) => void, signal: AbortSignal,
): Promise<Blob> {
  const parts: Blob[] = [];
  let count = 0;
  await feed(stream, start, false, {
    onPages: (pages) => {
      const rows = pages.flatMap(({ shard, records }) => records.flatMap((record) => rowsOf(shard, record)));
      const kept = wanted ? rows.filter(wanted) : rows;
      count += kept.length;
      const file = fileOf(kept, format);
      parts.push(format === "csv" && parts.length ? file.slice(HEAD.length) : file);
      onProgress(count);
    },
    onSkipped: () => {},
    onEnd: () => {},
  }, signal);
  return new Blob(parts.length ? parts : [format === "csv" ? HEAD : ""]);
}

export function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function quoted(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}
