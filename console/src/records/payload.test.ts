import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { UNPACKED_BYTES_MAX, fromBase64, hexDump, payloadOf, previewOf, sizeOf, textOf, toBase64 } from "./payload";

const base64 = (data: string | Uint8Array) => Buffer.from(data as string).toString("base64");

test("JSON is read as JSON, other text as text, and what is no UTF-8 as bytes", () => {
  expect(payloadOf(base64('{"a":[1]}')).json).toEqual({ a: [1] });
  expect(payloadOf(base64("3 apples"))).toMatchObject({ text: "3 apples", json: undefined, packing: null });
  expect(payloadOf(base64(new Uint8Array([0xff, 0xfe])))).toMatchObject({ text: null, json: undefined });
});

test("gzip is unpacked", () => {
  expect(payloadOf(base64(gzipSync('{"a":1}')))).toMatchObject({ packing: "gzip", json: { a: 1 } });
});

test("zstd is unpacked", () => {
  // By the zstd command, at level 19.
  const data = "KLUv/QRohQAAUDMgYXBwbGVzLCABAPsUJAGoFDM=";
  expect(payloadOf(data)).toMatchObject({ packing: "zstd", text: Array(5).fill("3 apples").join(", ") });
});

test("what only begins like gzip is shown as it is", () => {
  const data = new Uint8Array([0x1f, 0x8b, 8, 0, 1, 2, 3]);
  expect(payloadOf(base64(data))).toMatchObject({ packing: null, bytes: data });
});

test("a small record that would unpack to a gigabyte is cut, and says so", () => {
  const bomb = base64(gzipSync(Buffer.alloc(UNPACKED_BYTES_MAX * 4)));
  const payload = payloadOf(bomb);
  expect([payload.bytes.length, payload.isCut]).toEqual([UNPACKED_BYTES_MAX, true]);
});

test("a preview is one line, of the beginning", () => {
  expect(previewOf(base64("a\n  b".repeat(1000)), 10)).toBe("a ba b");
  expect(previewOf(base64(gzipSync("3 apples")))).toBe("3 apples");
});

test("base64 goes both ways, and its size is known without that", () => {
  for (const length of [0, 1, 2, 3, 20_000]) {
    const data = new Uint8Array(length).map((_, at) => at & 255);
    expect(fromBase64(toBase64(data))).toEqual(data);
    expect(sizeOf(toBase64(data))).toBe(length);
  }
});

test("a dump has offset, bytes and letters", () => {
  expect(hexDump(new TextEncoder().encode("Hi\n"))).toBe(`00000000  48 69 0a${" ".repeat(39)}  Hi·`);
});

test("text that is broken is shown with marks", () => {
  expect(textOf(payloadOf(base64(new Uint8Array([0x41, 0xff]))))).toBe("A\ufffd");
});
