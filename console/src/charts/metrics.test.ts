import { expect, test } from "vitest";
import { aligned, type Datapoint } from "./metrics";

function point(timestamp_ms: number, value: number): Datapoint {
  return { timestamp_ms, sample_count: 1, sum: value, minimum: value, maximum: value, average: value };
}

test("lines share their minutes; a count that was not told is none, an age that was not told is unknown", () => {
  const lines = [
    { metric: "IncomingRecords", name: "in", statistic: "sum" as const },
    { metric: "Age", name: "longest", statistic: "maximum" as const },
  ];
  expect(aligned([[point(60_000, 5)], [point(120_000, 7)]], lines, 30_000, 180_000)).toEqual([
    [60, 120, 180], [5, 0, 0], [null, 7, null],
  ]);
});
