import { expect, test } from "vitest";
import { faultOf, wordsOf } from "./fault_form";

test("a fault has what was filled in, numbers as numbers, and no more", () => {
  expect(faultOf("delay", { delay_ms: "500", when: "after", operation: "PutRecord, GetRecords", times: "", stream: " orders " })).toEqual({
    action: "delay", delay_ms: 500, when: "after", operation: ["PutRecord", "GetRecords"], stream: "orders",
  });
});

test("a fault of one operation names none", () => {
  expect(faultOf("expire_iterator", { operation: "PutRecord", probability: "0.5" })).toEqual({ action: "expire_iterator", probability: 0.5 });
});

test("what is no number goes to the server, which says so", () => {
  expect(faultOf("delay", { delay_ms: "soon" })).toEqual({ action: "delay", delay_ms: "soon" });
});

test("a fault is told in words", () => {
  expect(wordsOf({ delay_ms: 250, operation: ["GetRecords", "PutRecord"], probability: 0.2 })).toBe("250 ms · GetRecords, PutRecord · 20 % of them");
  expect(wordsOf({})).toBe("every one");
});
