import { expect, test } from "vitest";
import { hashOf, parseHash } from "./router";

test("a view is an address, whatever is in it", () => {
  const hash = hashOf(["streams", "a/b"], { text: "x & y = #?", live: "", at: undefined });
  const { path, query } = parseHash(hash);
  expect(path).toEqual(["streams", "a/b"]);
  expect([...query]).toEqual([["text", "x & y = #?"]]);
});

test("an address that somebody spoilt leads somewhere", () => {
  expect(parseHash("").path).toEqual([]);
  expect(parseHash("#/streams/%zz").path).toEqual(["streams", "%zz"]);
});
