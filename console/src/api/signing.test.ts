import { createHash, createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { signed, signedInForm } from "./signing";

const KEY = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const NOW = new Date("2015-08-30T12:36:00Z");

test("a request is signed as AWS's own documentation computes it", async () => {
  // The example of the developer's guide to Signature V4: ListUsers of IAM.
  const headers = await signed({
    method: "GET", target: "/?Action=ListUsers&Version=2010-05-08", host: "iam.amazonaws.com", body: "",
    headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
  }, KEY, "us-east-1", "iam", NOW);
  expect(headers.authorization).toBe(
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
    + "SignedHeaders=content-type;host;x-amz-date, "
    + "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
  );
});

test("a session token is a header, and signed", async () => {
  const headers = await signed(
    { method: "POST", target: "/", host: "h", headers: {}, body: "{}" }, { ...KEY, sessionToken: "token" }, "r", "kinesis", NOW,
  );
  expect(headers["x-amz-security-token"]).toBe("token");
  const canonical = [
    "POST", "/", "", "host:h", "x-amz-date:20150830T123600Z", "x-amz-security-token:token", "",
    "host;x-amz-date;x-amz-security-token", createHash("sha256").update("{}").digest("hex"),
  ].join("\n");
  const scope = "20150830/r/kinesis/aws4_request";
  const toSign = ["AWS4-HMAC-SHA256", "20150830T123600Z", scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const secret = scope.split("/").reduce<Buffer>(
    (key, part) => createHmac("sha256", key).update(part).digest(), Buffer.from(`AWS4${KEY.secretAccessKey}`),
  );
  expect(headers.authorization).toContain(createHmac("sha256", secret).update(toSign).digest("hex"));
});

test("where no signature is looked at, its form says account and region", () => {
  const headers = signedInForm({ method: "GET", target: "/", host: "h", headers: {}, body: "" }, "111122223333", "eu-west-1", "kinesis", NOW);
  expect(headers.authorization).toContain("Credential=111122223333/20150830/eu-west-1/kinesis/aws4_request,");
});
