/** A call as the request log tells it, and as a command or a program that makes it again. */

export interface Call {
  /** Given here, in the order in which they come. */
  number: number;
  time_ms: number;
  duration_ms: number;
  method: string;
  path: string;
  target: string;
  of_console: boolean;
  /** `null` where the body is no text. */
  asked: string | null;
  asked_bytes: number;
  /** `null`: it was cut off. */
  status: number | null;
  error?: string | null;
  request_id?: string;
  answer?: string | null;
  /** `null` of an answer that goes on. */
  answer_bytes?: number | null;
}

export function nameOf(call: Call): string {
  if (call.target) return call.target.split(".").at(-1)!;
  return `${call.method} ${call.path}`;
}

const BY_NAME = /"(?:StreamName|QueueName|ChannelName|DeliveryStreamName|TableName)"\s*:\s*"([^"]+)"/;
const BY_ARN = /"\w*A(?:RN|rn)"\s*:\s*"[^"]*\b(?:stream|queue|channel)\/([^"/]+)/;

/** The stream, queue, channel or table that a call names, as far as its body has been told. */
export function resourceOf({ asked }: Call): string {
  return (BY_NAME.exec(asked ?? "") ?? BY_ARN.exec(asked ?? ""))?.[1] ?? "";
}

export function isFailed(call: Call): boolean {
  return call.status === null || call.status >= 400;
}

const SERVICES: Record<string, string> = {
  Kinesis_20131202: "kinesis", Firehose_20150804: "firehose", DynamoDB_20120810: "dynamodb", AmazonSQS: "sqs",
  TrentService: "kms", Logs_20140328: "logs", AWSEvents: "events", AWSGlue: "glue",
};

/** Service and operation, where the call has them and its body can be read. */
function calledOf(call: Call): { service: string; operation: string; members: Record<string, unknown> } | null {
  const [prefix = "", operation = ""] = call.target.split(".");
  const service = SERVICES[prefix];
  if (!service || !operation || call.asked === null) return null;
  try {
    return { service, operation, members: JSON.parse(call.asked || "{}") as Record<string, unknown> };
  } catch {
    return null; // It was too long to be told whole.
  }
}

const NESTED_BLOB = /"Data":"/;
const OF_VERSION_2 = "# Data is in base64, as version 2 of the AWS CLI reads it\n";

/**
 * `aws kinesis put-record …`, or curl where there is no such command; for bash and zsh.
 *
 * The two versions of the AWS CLI read a blob in JSON differently, and a file of bytes alike.
 */
export function asCli(call: Call, endpoint: string): string {
  const called = calledOf(call);
  if (!called) return asCurl(call, endpoint);
  const command = called.operation.replace(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase();
  const { Data: data, ...others } = called.members;
  const json = JSON.stringify(typeof data === "string" ? others : called.members);
  const members = json === "{}" ? "" : ` --cli-input-json ${quoted(json)}`;
  const blob = typeof data === "string" ? ` --data fileb://<(printf %s ${quoted(data)} | base64 -d)` : "";
  return `${NESTED_BLOB.test(json) ? OF_VERSION_2 : ""}aws ${called.service} ${command} --endpoint-url ${endpoint}${members}${blob}`;
}

export function asBoto3(call: Call, endpoint: string): string {
  const called = calledOf(call);
  if (!called) return `# boto3 has no such call\n# ${asCurl(call, endpoint)}`;
  const method = called.operation.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
  const members = Object.entries(called.members).map(([name, value]) => `    ${name}=${python(value, name)},\n`).join("");
  const imports = /\bbase64\./.test(members) ? "import base64\n\n" : "";
  return `${imports}import boto3\n\nclient = boto3.client("${called.service}", endpoint_url=${JSON.stringify(endpoint)})\n`
    + `client.${method}(${members && `\n${members}`})\n`;
}

function asCurl(call: Call, endpoint: string): string {
  const target = call.target ? ` -H ${quoted(`X-Amz-Target: ${call.target}`)}` : "";
  const body = call.asked ? ` --data-binary ${quoted(call.asked)}` : "";
  return `curl -X ${call.method} ${quoted(endpoint + call.path)}${target}${body}`;
}

/** For a shell of the Bourne kind. */
function quoted(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}

/** A value as Python writes it; what is a blob in the API is bytes there. */
function python(value: unknown, name = ""): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map((each) => python(each)).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${python(each, key)}`).join(", ")}}`;
  if (typeof value === "string" && name === "Data") return `base64.b64decode(${JSON.stringify(value)})`;
  return JSON.stringify(value);
}
