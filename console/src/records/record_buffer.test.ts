import { expect, test } from "vitest";
import { RecordBuffer, idOf, rowsOf, type Row } from "./record_buffer";

function row(arrived_ms: number, data = "AAAA"): Row {
  return { shard: "0", sequence: String(arrived_ms), part: -1, arrived_ms, key: "", data, size: 3 };
}

test("rows stand in the order of their arrival, whatever shard came first", () => {
  const buffer = new RecordBuffer();
  buffer.add([row(3), row(5)]);
  buffer.add([row(4), row(6)]);
  expect(buffer.rows.map((each) => each.arrived_ms)).toEqual([3, 4, 5, 6]);
});

test("beyond the bound of rows the oldest go, and are counted", () => {
  const buffer = new RecordBuffer(100);
  buffer.add(Array.from({ length: 130 }, (_, at) => row(at)));
  expect([buffer.rows.length, buffer.let_go, buffer.rows[0]!.arrived_ms]).toEqual([95, 35, 35]);
});

test("beyond the bound of bytes they go, too, but for the last one", () => {
  const buffer = new RecordBuffer(100, 10);
  buffer.add([row(1), row(2), row(3, "A".repeat(40))]);
  expect([buffer.rows.length, buffer.let_go]).toEqual([1, 2]);
});

test("an aggregate is shown as its user records", () => {
  // By aws-kinesis-agg: alice "3 apples", bob "4 pears".
  const data = AGGREGATE;
  const rows = rowsOf("shardId-000000000000", {
    SequenceNumber: "7", ApproximateArrivalTimestamp: 1.5, PartitionKey: "x", Data: data,
  });
  expect(rows.map(({ key, data: each }) => [key, atob(each)])).toEqual([["alice", "3 apples"], ["bob", "4 pears"]]);
  expect(rows.map(idOf)).toEqual(["shardId-000000000000:7:0", "shardId-000000000000:7:1"]);
});

test("an aggregate whose digest is wrong is data like any other", () => {
  const data = `${AGGREGATE.slice(0, -4)}AAA=`;
  expect(rowsOf("0", { SequenceNumber: "7", ApproximateArrivalTimestamp: 1, Data: data })).toHaveLength(1);
});

const AGGREGATE = "84mawgoFYWxpY2UKA2JvYhoMCAAaCDMgYXBwbGVzGgsIARoHNCBwZWFyczohTZJW2hurF36dGUiu9nI=";
