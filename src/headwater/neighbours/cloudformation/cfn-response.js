// The module `cfn-response` that CloudFormation puts beside the Node.js source of a template.
// A function that makes a custom resource tells CloudFormation by it how that went.
"use strict";

const http = require("http");
const https = require("https");

exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  const url = new URL(event.ResponseURL);
  const options = { method: "PUT", headers: { "content-type": "", "content-length": Buffer.byteLength(body) } };
  return new Promise((resolve) => {
    const done = () => {
      context.done();
      resolve();
    };
    const request = (url.protocol === "http:" ? http : https).request(url, options, (answer) => {
      console.log("Status code: " + answer.statusCode);
      answer.resume();
      done();
    });
    request.on("error", (error) => {
      console.log("send(..) failed executing the request: " + error);
      done();
    });
    request.end(body);
  });
};
