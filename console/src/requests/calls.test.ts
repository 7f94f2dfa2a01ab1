import { expect, test } from "vitest";
import { asBoto3, asCli, isFailed, nameOf, resourceOf, type Call } from "./calls";

const CALL: Call = {
  number: 1, time_ms: 0, duration_ms: 1.5, method: "POST", path: "/", target: "Kinesis_20131202.PutRecord", of_console: false,
  asked: '{"StreamName":"orders","Data":"MyBhcHBsZXM=","PartitionKey":"it\'s"}', asked_bytes: 60, status: 200,
};
const HERE = "http://127.0.0.1:4566";

test("a call is a command of the AWS CLI, safe in a shell", () => {
  expect(asCli(CALL, HERE)).toBe(
    `aws kinesis put-record --endpoint-url ${HERE} --cli-input-json `
    + `'{"StreamName":"orders","PartitionKey":"it'\\''s"}' --data fileb://<(printf %s 'MyBhcHBsZXM=' | base64 -d)`,
  );
  const many = { ...CALL, target: "Kinesis_20131202.PutRecords", asked: '{"Records":[{"Data":"QQ=="}]}' };
  expect(asCli(many, HERE)).toMatch(/^# Data is in base64, as version 2 .*\naws kinesis put-records /);
});

test("a call is a program with boto3, with bytes for blobs", () => {
  expect(asBoto3(CALL, HERE)).toBe(
    'import base64\n\nimport boto3\n\nclient = boto3.client("kinesis", endpoint_url="http://127.0.0.1:4566")\n'
    + 'client.put_record(\n    StreamName="orders",\n    Data=base64.b64decode("MyBhcHBsZXM="),\n    PartitionKey="it\'s",\n)\n',
  );
});

test("values are written as Python has them", () => {
  const call = { ...CALL, target: "Kinesis_20131202.PutRecords", asked: '{"A":[true,null,{"Data":"QQ=="}]}' };
  expect(asBoto3(call, HERE)).toContain('A=[True, None, {"Data": base64.b64decode("QQ==")}]');
});

test("what is no operation is a curl", () => {
  const call = { ...CALL, method: "GET", path: "/_headwater/health", target: "", asked: "" };
  expect(asCli(call, HERE)).toBe(`curl -X GET '${HERE}/_headwater/health'`);
  expect(nameOf(call)).toBe("GET /_headwater/health");
});

test("an answer that was cut off has failed", () => {
  expect([isFailed(CALL), isFailed({ ...CALL, status: 400 }), isFailed({ ...CALL, status: null })]).toEqual([false, true, true]);
});

test("a call says what it is about by a name or an ARN, even when its body was not told whole", () => {
  const of = (asked: string | null) => resourceOf({ ...CALL, asked });
  expect(of(CALL.asked)).toBe("orders");
  expect(of('{"StreamARN":"arn:aws:kinesis:eu-west-1:000000000000:stream/clicks","Records":[{"Da')).toBe("clicks");
  expect(of('{"ConsumerARN": "arn:aws:kinesis:eu-west-1:000000000000:stream/clicks/consumer/one:1"}')).toBe("clicks");
  expect(of('{"QueueARN":"arn:aws:kinesis:eu-west-1:000000000000:queue/0a1b"}')).toBe("0a1b");
  expect([of("{}"), of(null)]).toEqual(["", ""]);
});

test("a record that is put directly into a delivery stream is put again by its own service", () => {
  const asked = '{"DeliveryStreamName":"clicks","Record":{"Data":"eA=="}}';
  const put = { ...CALL, target: "Firehose_20150804.PutRecord", asked };
  expect(resourceOf(put)).toBe("clicks");
  expect(asCli(put, "http://localhost:4566")).toContain("aws firehose put-record --endpoint-url http://localhost:4566");
  expect(asBoto3(put, "http://localhost:4566")).toContain('Record={"Data": base64.b64decode("eA==")}');
});
