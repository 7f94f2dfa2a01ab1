/**
 * What the data of a record is: unpacked, if it was compressed, and as text and JSON where it is that.
 *
 * Data comes from anybody. It is unpacked up to a bound, and never more than looked at.
 */
import { Gunzip } from "fflate";
import { Decompress } from "fzstd";

export interface Payload {
  bytes: Uint8Array;
  /** How it was compressed. */
  packing: "gzip" | "zstd" | null;
  /** It would have been longer. */
  isCut: boolean;
  /** `null` where the bytes are no UTF-8. */
  text: string | null;
  /** `undefined` where the text is no JSON. */
  json: unknown;
}

export const UNPACKED_BYTES_MAX = 16 * 1024 * 1024;
const PIECE_BYTES = 4096;

class Enough extends Error {}

export function payloadOf(data: string): Payload {
  return payloadOfBytes(fromBase64(data));
}

export function payloadOfBytes(packed: Uint8Array): Payload {
  const packing = packingOf(packed);
  let bytes = packed;
  let isCut = false;
  if (packing) {
    const unpacked = unpack(packed, packing);
    if (unpacked) ({ bytes, isCut } = unpacked);
    else return { ...read(packed), packing: null, isCut: false };
  }
  return { ...read(bytes), packing, isCut };
}

/** The beginning of the data in one line, for a row of a table. */
export function previewOf(data: string, length = 200): string {
  const bytes = fromBase64(data.slice(0, 4 * Math.ceil(length / 2)));
  const packing = packingOf(bytes);
  if (packing && data.length < 64 * 1024) return line(textOf(payloadOf(data)), length);
  if (packing) return `${packing}, ${data.length} characters`;
  const text = new TextDecoder().decode(bytes);
  return line(text, length);
}

export function textOf(payload: Payload): string {
  return payload.text ?? new TextDecoder().decode(payload.bytes);
}

export function fromBase64(text: string): Uint8Array {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  let letters = "";
  for (let at = 0; at < bytes.length; at += 8192) letters += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(letters);
}

/** How many bytes a base64 text stands for. */
export function sizeOf(data: string): number {
  return (data.length / 4) * 3 - (data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0);
}

/** A dump of bytes: offset, sixteen of them, and what of them can be read. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = Array.from(bytes.subarray(at, at + 16));
    const codes = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ").padEnd(47);
    const letters = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${codes}  ${letters}`);
  }
  return lines.join("\n");
}

function packingOf(bytes: Uint8Array): "gzip" | "zstd" | null {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8) return "gzip";
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd) return "zstd";
  return null;
}

/** A piece after another, so that a small record cannot become all the memory there is. */
function unpack(packed: Uint8Array, packing: "gzip" | "zstd"): { bytes: Uint8Array; isCut: boolean } | null {
  const parts: Uint8Array[] = [];
  let size = 0;
  const take = (part: Uint8Array) => {
    const room = UNPACKED_BYTES_MAX - size;
    parts.push(part.length > room ? part.slice(0, room) : part.slice());
    size += Math.min(part.length, room);
    if (part.length > room) throw new Enough();
  };
  let isCut = false;
  try {
    const stream = packing === "gzip" ? new Gunzip(take) : new Decompress(take);
    for (let at = 0; at < packed.length; at += PIECE_BYTES) {
      stream.push(packed.subarray(at, at + PIECE_BYTES), at + PIECE_BYTES >= packed.length);
    }
  } catch (error) {
    if (!(error instanceof Enough)) return null;
    isCut = true;
  }
  if (size === 0 && packing === "gzip" && packed.subarray(-4).some(Boolean)) return null; // it should be longer
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, isCut };
}

function read(bytes: Uint8Array): Pick<Payload, "bytes" | "text" | "json"> {
  let text: string | null = null;
  let json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch {
    // No UTF-8, or no JSON.
  }
  return { bytes, text, json };
}

function line(text: string, length: number): string {
  return text.slice(0, length).replace(/\s+/g, " ");
}
