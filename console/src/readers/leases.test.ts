import { expect, test } from "vitest";
import { leaseOf } from "./leases";

test("a lease is read as the KCL writes it", () => {
  const item = {
    leaseKey: { S: "shardId-000000000001" }, leaseOwner: { S: "worker-1" }, leaseCounter: { N: "42" },
    checkpoint: { S: "TRIM_HORIZON" }, checkpointSubSequenceNumber: { N: "0" },
  };
  expect(leaseOf(item)).toEqual({ key: "shardId-000000000001", owner: "worker-1", counter: "42", checkpoint: "TRIM_HORIZON" });
});

test("a lease that nobody owns has no owner, and an item of another kind is none", () => {
  expect(leaseOf({ leaseKey: { S: "0" } })?.owner).toBe("");
  expect(leaseOf({ id: { S: "0" } })).toBeNull();
});
