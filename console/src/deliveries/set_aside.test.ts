import { expect, test } from "vitest";
import { failuresOf, objectOf } from "./set_aside";

test("dead letters of a channel are read with their reason, and a line that is cut off is left out", () => {
  const line = '{"errorCode":"InvalidJson","errorMessage":"why","shardId":"shardId-000000000000","partitionKey":"7","approximateArrivalTimestamp":1795964974.5,"data":"eA=="}';
  expect(failuresOf(`${line}\n{"errorCode":`)).toEqual([
    { at: 0, code: "InvalidJson", message: "why", arrived_ms: 1795964974500, partition_key: "7", data: "eA==" },
  ]);
});

test("so are failures of a delivery stream, those of its conversion, too", () => {
  const lines = [
    '{"attemptsMade":1,"arrivalTimestamp":1795964974500,"errorCode":"Lambda.FunctionError","errorMessage":"why","rawData":"eA=="}',
    '{"attemptsMade":1,"arrivalTimestamp":1795964974500,"lastErrorCode":"DataFormatConversion.ParseError","lastErrorMessage":"no JSON","rawData":"eQ=="}',
  ];
  expect(failuresOf(`${lines.join("\n")}\n`).map(({ code, message, data }) => [code, message, data])).toEqual([
    ["Lambda.FunctionError", "why", "eA=="], ["DataFormatConversion.ParseError", "no JSON", "eQ=="],
  ]);
});

test("an object has an address; a table, an endpoint and a bucket alone have another", () => {
  expect(objectOf("s3://lake/a/b c.json")).toEqual({ bucket: "lake", key: "a/b c.json" });
  for (const place of ["s3://lake/", "s3tables://lake/events/clicks", "http://127.0.0.1:8080/", ""]) expect(objectOf(place)).toBeNull();
});

test("an object that somebody has written over has lines that say nothing", () => {
  const found = failuresOf('nonsense\nnull\n[1]\n{"errorCode":7,"data":"<b>"}\n');
  expect(found.map(({ code, data }) => code + data)).toEqual(["", "", "", ""]);
});
