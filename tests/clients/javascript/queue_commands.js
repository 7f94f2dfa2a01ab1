// The operations of queues, which the SDK has no commands for yet: commands of its own kind, made from the
// API model in the file that HEADWATER_API_MODEL names. The SDK does the rest as for any other command:
// it writes the members by their shapes, signs, sends over HTTP/2, and makes its own exceptions of errors.

import { readFileSync } from "node:fs";

import { Command } from "@smithy/core/client";
import { getEndpointPlugin } from "@smithy/core/endpoints";

const NAMESPACE = "com.amazonaws.kinesis";
const SERVICE = "Kinesis_20131202";
const NOTHING = "unit";
const STRING = 0;
const SCALARS = { string: STRING, integer: 1, long: 1, boolean: 2, timestamp: 4, blob: 21 };
const LIST = 1;
const MAP = 2;
const STRUCTURE = 3;
const OPERATION = 9;

const model = JSON.parse(readFileSync(process.env.HEADWATER_API_MODEL, "utf-8"));
const made = new Map();

// The SDK's description of a shape; one that has members is given by a function, as shapes may be nested.
function schema(name) {
  const shape = model.shapes[name];
  if (shape.type in SCALARS) return SCALARS[shape.type];
  return () => {
    if (!made.has(name)) made.set(name, describe(name, shape));
    return made.get(name);
  };
}

function describe(name, shape) {
  if (shape.type === "list") return [LIST, NAMESPACE, name, 0, schema(shape.member.shape)];
  if (shape.type === "map") {
    return [MAP, NAMESPACE, name, 0, schema(shape.key.shape), schema(shape.value.shape)];
  }
  const members = Object.entries(shape.members);
  const types = members.map(([, member]) => schema(member.shape));
  return [STRUCTURE, NAMESPACE, name, 0, members.map(([member]) => member), types];
}

function command(name) {
  const { input, output } = model.operations[name];
  const answered = output === undefined ? NOTHING : schema(output.shape);
  return Command.classBuilder()
    .ep({
      UseFIPS: { type: "builtInParams", name: "useFipsEndpoint" },
      Endpoint: { type: "builtInParams", name: "endpoint" },
      Region: { type: "builtInParams", name: "region" },
      UseDualStack: { type: "builtInParams", name: "useDualstackEndpoint" },
      OperationType: {
        type: "staticContextParams",
        value: model.operations[name].staticContextParams.OperationType.value,
      },
    })
    .m(function (made, _stack, config) {
      return [getEndpointPlugin(config, made.getEndpointParameterInstructions())];
    })
    .s(SERVICE, name, {})
    .n("KinesisClient", `${name}Command`)
    .sc([OPERATION, NAMESPACE, name, 0, schema(input.shape), answered])
    .build();
}

export const QUEUE_OPERATIONS = Object.keys(model.operations).filter((name) => name.includes("Queue"));

const commands = new Map(QUEUE_OPERATIONS.map((name) => [name, command(name)]));
const called = new Set();

// The answer of an operation on queues.
export async function call(client, name, members) {
  called.add(name);
  return client.send(new (commands.get(name))(members));
}

export function notCalled() {
  return QUEUE_OPERATIONS.filter((name) => !called.has(name));
}
