import { expect, test } from "vitest";
import { age, bytes, count, duration, plural, rate, shortShard } from "./format";

test("bytes have three digits or so", () => {
  expect([0, 1023, 1024, 150 * 1024, 3.5 * 1024 ** 3].map(bytes)).toEqual(["0 B", "1023 B", "1.0 KiB", "150 KiB", "3.5 GiB"]);
});

test("durations have the two largest units, ages one", () => {
  expect([12, 5_000, 61_000, 3_660_000, 90_000_000].map(duration)).toEqual(["12 ms", "5 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
  expect([60_000, 3_600_000, 3_605_000, 86_400_000].map(duration)).toEqual(["1 min", "1 h", "1 h", "1 d"]);
  expect([12, 5_000, 61_000, 90_000_000].map(age)).toEqual(["12 ms", "5 s", "1 min", "1 d"]);
});

test("rates below ten have a decimal", () => {
  expect([0, 0.25, 9.96, 1234].map(rate)).toEqual(["0", "0.3", "10.0", "1,234"]);
});

test("one of something is no plural", () => {
  expect([plural(1, "row"), plural(2, "row"), count(1e6)]).toEqual(["1 row", "2 rows", "1,000,000"]);
});

test("a shard is known by its number within a stream", () => {
  expect([shortShard("shardId-000000000012"), shortShard("shardId-000000000000")]).toEqual(["12", "0"]);
});
