/**
 * Calls to the server: the API that everybody speaks, and routes of its own.
 *
 * Whatever goes wrong leaves as a `CallError`, with a name and a text for a person.
 */
import { session } from "./session";
import { signed, signedInForm, strict } from "./signing";

export class CallError extends Error {
  constructor(readonly code: string, message: string, readonly status: number) {
    super(message || code);
  }
}

type Members = Record<string, unknown>;

/** An operation of Kinesis. */
export async function kinesis<T = Members>(operation: string, members: Members = {}): Promise<T> {
  return target<T>("kinesis", `Kinesis_20131202.${operation}`, "1.1", members);
}

/** An operation of the neighbouring DynamoDB. */
export async function dynamodb<T = Members>(operation: string, members: Members = {}): Promise<T> {
  return target<T>("dynamodb", `DynamoDB_20120810.${operation}`, "1.0", members);
}

/** An operation of Firehose. */
export async function firehose<T = Members>(operation: string, members: Members = {}): Promise<T> {
  return target<T>("firehose", `Firehose_20150804.${operation}`, "1.1", members);
}

/** The beginning of an object in the neighbouring S3; `isCut`: it would be longer than `bytesMax`. */
export async function objectBytes(bucket: string, key: string, bytesMax: number): Promise<{ bytes: Uint8Array; isCut: boolean }> {
  const path = `/${[bucket, ...key.split("/")].map(strict).join("/")}`;
  const stop = new AbortController();
  const answer = await request("GET", path, "s3", {}, "", stop.signal);
  const bytes = new Uint8Array(bytesMax);
  let size = 0;
  for (const reader = answer.body!.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) return { bytes: bytes.subarray(0, size), isCut: false };
    const room = bytesMax - size;
    bytes.set(value.subarray(0, room), size);
    size += Math.min(room, value.length);
    if (value.length > room) {
      stop.abort();
      return { bytes, isCut: true };
    }
  }
}

/** An operation of Lambda, by its place in HTTP. */
export async function lambda<T = Members>(method: string, path: string, members?: Members): Promise<T> {
  return asked<T>(method, `/2015-03-31/${path}`, "lambda", {}, members ? JSON.stringify(members) : "");
}

/** A route of the server's own, below `/_headwater/`. */
export async function route<T = Members>(method: string, path: string, members?: Members): Promise<T> {
  return asked<T>(method, `/_headwater/${path}`, "kinesis", {}, members ? JSON.stringify(members) : "");
}

/** The query of a route that is about the account and region that are looked at. */
export function placed(path: string, query: Record<string, string> = {}): string {
  const { account, region } = session();
  return `${path}?${new URLSearchParams({ account, region, ...query })}`;
}

/** The lines of a route that goes on, each a JSON document, until it ends or `signal` says so. */
export async function lines(
  path: string, onLines: (lines: unknown[]) => void | Promise<void>, signal: AbortSignal,
): Promise<void> {
  const answer = await request("GET", `/_headwater/${path}`, "kinesis", {}, "", signal);
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let held: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const end = value.lastIndexOf("\n");
    if (end < 0) {
      held.push(value);
      continue;
    }
    const whole = held.join("") + value.slice(0, end);
    held = [value.slice(end + 1)];
    await onLines(whole.split("\n").map((line) => JSON.parse(line)));
  }
}

async function target<T>(service: string, name: string, version: string, members: Members): Promise<T> {
  const headers = { "content-type": `application/x-amz-json-${version}`, "x-amz-target": name };
  return asked<T>("POST", "/", service, headers, JSON.stringify(members));
}

async function asked<T>(
  method: string, path: string, service: string, headers: Record<string, string>, body: string,
): Promise<T> {
  const answer = await request(method, path, service, headers, body);
  const text = await answer.text();
  return (text ? JSON.parse(text) : {}) as T;
}

async function request(
  method: string, path: string, service: string, headers: Record<string, string>, body: string,
  signal?: AbortSignal,
): Promise<Response> {
  const { about, account, region, key } = session();
  const asked = { method, target: path, host: location.host, headers, body };
  if (about.must_sign && !key) throw new CallError("SignIn", "Sign in with a key of the server.", 403);
  const all = key ? await signed(asked, key, region, service) : signedInForm(asked, account, region, service);
  let answer: Response;
  try {
    answer = await fetch(path, {
      method, headers: all, body: body || null, signal: signal ?? null, cache: "no-store", credentials: "omit",
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new CallError("NoServer", "The server does not answer.", 0);
  }
  if (!answer.ok) throw await errorOf(answer);
  return answer;
}

async function errorOf(answer: Response): Promise<CallError> {
  const text = await answer.text();
  let said: Members = {};
  try {
    said = JSON.parse(text) as Members;
  } catch {
    // An error in XML or plain text is shown by its status.
  }
  const code = answer.headers.get("x-amzn-errortype") ?? String(said.__type ?? `HTTP ${answer.status}`);
  const message = String(said.message ?? said.Message ?? "");
  return new CallError(code.replace(/^.*#/, "").replace(/:.*$/, ""), message, answer.status);
}
