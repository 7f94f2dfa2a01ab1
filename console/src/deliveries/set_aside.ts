/** What could not be delivered, as the objects have it that channels and delivery streams write: a line of JSON for each. */

export interface Failed {
  /** Its place in the object. */
  at: number;
  code: string;
  message: string;
  arrived_ms: number | null;
  partition_key: string | null;
  /** In base64. */
  data: string;
}

type Line = Record<string, unknown>;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The whole lines of an object; a last one that is cut off is left out. */
export function failuresOf(text: string): Failed[] {
  const lines = text.split("\n");
  lines.pop();
  return lines.map((line, at) => failedOf(lineOf(line), at));
}

/** An object may have been written over by anybody: what is no such line says nothing. */
function lineOf(text: string): Line {
  try {
    return Object(JSON.parse(text)) as Line;
  } catch {
    return {};
  }
}

/** Channels tell of seconds and `data`, delivery streams of milliseconds and `rawData`. */
function failedOf(line: Line, at: number): Failed {
  const seconds = line.approximateArrivalTimestamp;
  const arrived_ms = typeof seconds === "number" ? seconds * 1000 : line.arrivalTimestamp;
  return {
    at,
    code: said(line.errorCode ?? line.lastErrorCode),
    message: said(line.errorMessage ?? line.lastErrorMessage),
    arrived_ms: typeof arrived_ms === "number" ? arrived_ms : null,
    partition_key: typeof line.partitionKey === "string" ? line.partitionKey : null,
    data: BASE64.test(said(line.data ?? line.rawData)) ? said(line.data ?? line.rawData) : "",
  };
}

/** Bucket and key of the address of an object. */
export function objectOf(place: string): { bucket: string; key: string } | null {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(place) ?? [];
  return bucket && key ? { bucket, key } : null;
}

function said(value: unknown): string {
  return typeof value === "string" ? value : "";
}
