import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { HASH_KEY_END, fraction, hashKeyOf, holds, md5, middle } from "./hash_keys";

test("md5 is what others compute, around each boundary of its blocks", () => {
  for (const length of [0, 1, 3, 54, 55, 56, 63, 64, 65, 119, 120, 1000]) {
    const data = new Uint8Array(length).map((_, at) => (at * 7) & 255);
    expect(Buffer.from(md5(data)).toString("hex")).toBe(createHash("md5").update(data).digest("hex"));
  }
});

test("a partition key falls where AWS says", () => {
  expect(hashKeyOf("alice").toString(16).padStart(32, "0")).toBe(createHash("md5").update("alice").digest("hex"));
  expect(hashKeyOf("ключ") < HASH_KEY_END).toBe(true);
});

test("the middle of a range begins its upper half", () => {
  expect(middle("0", (HASH_KEY_END - 1n).toString())).toBe((HASH_KEY_END / 2n).toString());
  expect(middle("0", "1")).toBe("1");
});

test("a range holds both its ends", () => {
  const range = { starting_hash_key: "5", ending_hash_key: "9" };
  expect([4n, 5n, 9n, 10n].map((key) => holds(range, key))).toEqual([false, true, true, false]);
});

test("a hash key lies between 0 and 1", () => {
  expect(fraction("0")).toBe(0);
  expect(fraction(HASH_KEY_END / 2n)).toBe(0.5);
});
