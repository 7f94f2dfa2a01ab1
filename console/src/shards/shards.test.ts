import { expect, test } from "vitest";
import { HASH_KEY_END, middle } from "./hash_keys";
import { heat, lineage, load, neighbours, type Shard } from "./shards";

const LAST = (HASH_KEY_END - 1n).toString();
const HALF = middle("0", LAST);

function shard(id: string, start: string, end: string, more: Partial<Shard> = {}): Shard {
  return {
    id, parents: [], starting_hash_key: start, ending_hash_key: end, is_open: true, opened_ms: 1000, closed_ms: null,
    starting_sequence_number: "1", ending_sequence_number: null, records: 0, records_in: 0, bytes_in: 0,
    oldest_ms: null, newest_ms: null, iterator_age_ms: null, ...more,
  };
}

const LOWER = shard("1", "0", (BigInt(HALF) - 1n).toString(), { opened_ms: 5000, parents: ["0"] });
const UPPER = shard("2", HALF, LAST, { opened_ms: 5000, parents: ["0"] });
const PARENT = shard("0", "0", LAST, { is_open: false, closed_ms: 5000 });

test("a shard can be merged with the open ones on both sides of it", () => {
  expect(neighbours(LOWER, [PARENT, LOWER, UPPER]).map((other) => other.id)).toEqual(["2"]);
  expect(neighbours(PARENT, [PARENT, LOWER, UPPER])).toEqual([]);
});

test("a split stands in the picture as one bar that ends where two begin, and fills the height", () => {
  const { lives, moments } = lineage([PARENT, LOWER, UPPER], 9000);
  expect(moments).toEqual([1000, 5000, 9000]);
  expect(lives.map(({ from, to, top, height }) => [from, to, top, height])).toEqual(
    [[0, 1, 0, 1], [1, 2, 0, 0.5], [1, 2, 0.5, 0.5]],
  );
});

test("load is of records or of bytes, whichever is nearer to the limit", () => {
  expect(load(500, 0)).toBe(0.5);
  expect(load(500, 1024 * 1024)).toBe(1);
});

test("a shard is hot near its limit, or where it does the work of all", () => {
  expect(heat(0.9, 0.9)).toBe("hot");
  expect(heat(0.1, 0.02)).toBe("hot");
  expect(heat(0.1, 0.1)).toBe("warm");
  expect(heat(0, 0)).toBe("cold");
});
