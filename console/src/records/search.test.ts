import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { WrongPath, matcher, pathTest } from "./search";

const ORDER = { order: { total: 120, items: [{ sku: "a-1" }, { sku: "b-2" }], paid: true }, "odd key": null };

test.each([
  ["$.order.total", true],
  ["order.total > 100", true],
  ["$.order.total > 120", false],
  ["$.order.total >= 120", true],
  ["$.order.total < 121", true],
  ["$.order.total <= 119.5", false],
  ["$.order.total == 120", true],
  ['$.order.total == "120"', false],
  ["$.order.paid == true", true],
  ["$.order.paid != true", false],
  ['$.order.items[1].sku == "b-2"', true],
  ["$.order.items[*].sku == 'b-2'", true],
  ["$.order.items[*].sku contains B-", true],
  ["$.order.items[2].sku", false],
  ["$.order.*", true],
  ['$["odd key"] == null', true],
  ["$.missing", false],
  ["$.order.total.toString", false],
  ["$.__proto__", false],
])("%s is %s of an order", (path, expected) => {
  expect(pathTest(path)(ORDER)).toBe(expected);
});

test.each(["$.a[", "$.a ==", "a b", "$..a"])("%s is no path", (path) => {
  expect(() => pathTest(path)).toThrow(WrongPath);
});

test("text, key and path must all match, in what was unpacked", () => {
  const record = { key: "alice", data: gzipSync(JSON.stringify(ORDER)).toString("base64") };
  const found = (text: string, key: string, path: string) => matcher({ text, key, path })?.(record);
  expect(found("A-1", "ali", "order.paid")).toBe(true);
  expect(found("A-1", "bob", "order.paid")).toBe(false);
  expect(found("c-3", "", "")).toBe(false);
  expect(found("", "", "order.unpaid")).toBe(false);
  expect(matcher({ text: "", key: "", path: " " })).toBeNull();
});
