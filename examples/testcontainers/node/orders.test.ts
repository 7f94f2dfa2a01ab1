// A test of an application that puts orders: the server is a container that testcontainers starts and removes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { KinesisClient, PutRecordCommand } from "@aws-sdk/client-kinesis";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";

const PORT = 4566;

let container: StartedTestContainer;
let kinesis: KinesisClient;

before(async () => {
  // A server that keeps nothing, with the stream `orders`.
  container = await new GenericContainer("headwater")
    .withExposedPorts(PORT)
    .withEnvironment({ HEADWATER_DATA_DIR: "" })
    .withCommand(["--create-stream", "orders:4"])
    .withWaitStrategy(Wait.forHttp("/_headwater/health", PORT).forStatusCode(200))
    .start();
  kinesis = new KinesisClient({
    endpoint: `http://${container.getHost()}:${container.getMappedPort(PORT)}`,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
});

after(async () => {
  kinesis.destroy();
  await container.stop();
});

test("an order is put", async () => {
  const order = { StreamName: "orders", PartitionKey: "alice", Data: Buffer.from("3 apples") };
  const placed = await kinesis.send(new PutRecordCommand(order));
  assert.match(placed.ShardId ?? "", /^shardId-/);
});
