/**
 * The Kinesis Producer Library's aggregates: user records in one, between a magic number and a digest.
 *
 * The format is that of the library's own documentation: protobuf with a table of partition keys
 * (field 1), one of hash keys (2), and records (3) of a key's index (1), a hash key's (2) and data (3).
 */
import { md5 } from "../shards/hash_keys";
import { fromBase64, toBase64 } from "./payload";

export interface UserRecord {
  partitionKey: string;
  data: string;
}

const MAGIC = [0xf3, 0x89, 0x9a, 0xc2];
const DIGEST_BYTES = 16;
/** How the base64 of each aggregate begins. */
const PREFIX = "84ma";

/** The user records of an aggregate; `null` of any other data. */
export function userRecords(data: string): UserRecord[] | null {
  if (!data.startsWith(PREFIX)) return null;
  const bytes = fromBase64(data);
  if (bytes.length < MAGIC.length + DIGEST_BYTES || MAGIC.some((byte, at) => bytes[at] !== byte)) return null;
  const message = bytes.subarray(MAGIC.length, bytes.length - DIGEST_BYTES);
  const digest = bytes.subarray(bytes.length - DIGEST_BYTES);
  if (md5(message).some((byte, at) => byte !== digest[at])) return null;
  try {
    return readMessage(message);
  } catch {
    return null;
  }
}

function readMessage(message: Uint8Array): UserRecord[] {
  const keys: string[] = [];
  const found: { key: number; data: Uint8Array }[] = [];
  for (const [field, value] of fields(message)) {
    if (field === 1) keys.push(new TextDecoder().decode(value as Uint8Array));
    if (field === 3) found.push(readRecord(value as Uint8Array));
  }
  return found.map(({ key, data }) => {
    const partitionKey = keys[key];
    if (partitionKey === undefined) throw new Error("a record without its key");
    return { partitionKey, data: toBase64(data) };
  });
}

function readRecord(message: Uint8Array): { key: number; data: Uint8Array } {
  const record = { key: -1, data: new Uint8Array() };
  for (const [field, value] of fields(message)) {
    if (field === 1) record.key = value as number;
    if (field === 3) record.data = value as Uint8Array<ArrayBuffer>;
  }
  return record;
}

/** The fields of a protobuf message: numbers, and what has a length. */
function* fields(message: Uint8Array): Generator<[number, number | Uint8Array]> {
  let at = 0;
  const number = () => {
    let value = 0;
    for (let shift = 0; shift < 56; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw new Error("the message ends within a number");
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new Error("too long a number");
  };
  while (at < message.length) {
    const tag = number();
    const kind = tag & 7;
    if (kind === 0) {
      yield [tag >>> 3, number()];
    } else if (kind === 2) {
      const length = number();
      if (at + length > message.length) throw new Error("the message ends within a field");
      yield [tag >>> 3, message.subarray(at, at + length)];
      at += length;
    } else {
      throw new Error("a field of another kind");
    }
  }
}
