// Runs a Node handler: the Runtime API's client, in a process of the function's own.
//
// It needs nothing but Node itself. Handlers may be asynchronous or, up to nodejs22.x, take a
// callback, in files of CommonJS or of ECMAScript. One event after another; what goes wrong before
// the first event is told as an error of the start, and ends the process.
//
// Up to nodejs22.x, as aws-lambda-ric 3.3.0 does it: what a handler returns counts when it is a
// promise only; a callback without an error waits for the event loop to be empty, unless the context
// says otherwise; and an event loop that is empty before an answer came means null. From nodejs24.x on,
// as aws-lambda-ric 4.0.2 does it: what a handler returns is the answer, and there is no other way.

import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import util from "node:util";

const environment = process.env;
const [host, port] = environment.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const hasCallbacks = Number(/nodejs(\d+)/.exec(environment.AWS_EXECUTION_ENV ?? "")?.[1] ?? 0) < 24;
const CALLBACK_TEXT =
  "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. " +
  "You need to modify this function to use a supported handler signature to use Node.js 24 or later. For " +
  "more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";
let requestId = "";
let isMidLine = false;
let whenIdle = () => {};

class Fault extends Error {
  constructor(kind, message, trace) {
    super(message);
    this.name = kind;
    if (trace !== undefined) this.stack = trace;
  }
}

function ask(method, place, body, kind) {
  const headers = {};
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    headers["Content-Length"] = Buffer.byteLength(body);
  }
  if (kind !== undefined) headers["Lambda-Runtime-Function-Error-Type"] = kind.replace(/[^ -~]/g, "?");
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host, port, agent, method, path: `/2018-06-01/runtime/${place}`, headers },
      (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(parts) }));
        answer.on("error", reject);
      },
    );
    request.setNoDelay(true);
    request.on("error", reject);
    request.end(body);
  });
}

function described(error) {
  if (util.types.isNativeError(error) || error instanceof Error) {
    return {
      errorType: error.name || "Error",
      errorMessage: error.message,
      trace: (error.stack || "").split("\n"),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function patchConsole() {
  const levels = { log: "INFO", info: "INFO", debug: "DEBUG", trace: "TRACE", warn: "WARN", error: "ERROR" };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...values) => {
      const text = util.format(...values);
      const line = `${new Date().toISOString()}\t${requestId || "undefined"}\t${level}\t${text}\n`;
      process.stdout.write((isMidLine ? "\n" : "") + line);
    };
  }
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream);
    stream.write = (data, ...others) => {
      if (data?.length) isMidLine = !Buffer.from(data).subarray(-1).equals(Buffer.from("\n"));
      return write(data, ...others);
    };
  }
}

function moduleFile(root, name) {
  const place = path.resolve(root, name);
  for (const ending of ["", ".js", ".mjs", ".cjs"]) {
    if (fs.existsSync(place + ending) && fs.statSync(place + ending).isFile()) return place + ending;
  }
  return null;
}

async function loaded(file) {
  try {
    return createRequire(file)(file);
  } catch (error) {
    if (error.code !== "ERR_REQUIRE_ESM" && !(error instanceof SyntaxError)) throw error;
    return await import(pathToFileURL(file).href);
  }
}

async function findHandler(root, name) {
  const base = path.basename(name);
  const match = /^([^.]*)\.(.*)$/.exec(base);
  if (match === null || name.includes("..")) throw new Fault("Runtime.MalformedHandlerName", "Bad handler");
  const moduleName = path.join(path.dirname(name), match[1]);
  const file = moduleFile(root, moduleName);
  if (file === null) {
    throw new Fault("Runtime.ImportModuleError", `Error: Cannot find module '${moduleName}'`);
  }
  let module;
  try {
    module = file.endsWith(".mjs") ? await import(pathToFileURL(file).href) : await loaded(file);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new Fault("Runtime.UserCodeSyntaxError", String(error), error.stack);
    }
    if (error.code === "MODULE_NOT_FOUND" || error.code === "ERR_MODULE_NOT_FOUND") {
      throw new Fault("Runtime.ImportModuleError", String(error), error.stack);
    }
    throw error;
  }
  const inside = (place) => match[2].split(".").reduce((found, part) => found && found[part], place);
  const handler = inside(module) ?? inside(module.default);
  if (handler === undefined) {
    throw new Fault("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  }
  if (typeof handler !== "function") throw new Fault("Runtime.HandlerNotFound", `${name} is not a function`);
  if (!hasCallbacks && handler.length >= 3) throw new Fault("Runtime.CallbackHandlerDeprecated", CALLBACK_TEXT);
  return handler;
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const parsed = (text) => (text ? JSON.parse(text) : undefined);
  return {
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    clientContext: parsed(headers["lambda-runtime-client-context"]),
    identity: parsed(headers["lambda-runtime-cognito-identity"]),
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

async function run(handler, event, context) {
  if (!hasCallbacks) return await handler(event, context);
  try {
    return await new Promise((resolve, reject) => call(handler, event, context, resolve, reject));
  } finally {
    whenIdle = () => {};
  }
}

function call(handler, event, context, resolve, reject) {
  let isDone = false;
  const first = (act) => (...values) => {
    if (isDone) return;
    isDone = true;
    whenIdle = () => {};
    act(...values);
  };
  const isError = (error) => error !== null && error !== undefined;
  const done = (error, value) => (isError(error) ? reject(error) : resolve(value));
  const callback = first((error, value) => {
    if (isError(error) || !context.callbackWaitsForEmptyEventLoop) done(error, value);
    else whenIdle = () => setImmediate(resolve, value);
  });
  context.callbackWaitsForEmptyEventLoop = true;
  context.done = first(done);
  context.succeed = first((value) => done(null, value));
  context.fail = first((error) => done(error ?? "handled"));
  whenIdle = () => setImmediate(resolve, null);
  try {
    const promised = handler(event, context, callback);
    if (typeof promised?.then === "function") promised.then(context.succeed, context.fail);
  } catch (error) {
    callback(error);
  }
}

function encoded(value) {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? "null";
  } catch (error) {
    throw new Fault("Runtime.MarshalError", `Unable to stringify response body: ${error.message}`);
  }
}

async function failInit(error) {
  const said = described(error);
  console.error("Uncaught Exception", JSON.stringify({ ...said, trace: undefined, stack: said.trace }));
  await ask("POST", "init/error", JSON.stringify(said), said.errorType);
  process.exit(1);
}

async function end(kind, error) {
  const document = { errorType: kind, errorMessage: String(error), trace: described(error).trace };
  console.error(kind, JSON.stringify(document));
  if (requestId) {
    await ask("POST", `invocation/${requestId}/error`, JSON.stringify(document), kind).catch(() => {});
  }
  process.exit(129);
}

async function serve(handler) {
  for (;;) {
    const { headers, body } = await ask("GET", "invocation/next");
    requestId = headers["lambda-runtime-aws-request-id"];
    environment._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"] ?? "";
    try {
      const value = await run(handler, JSON.parse(body.toString()), contextOf(headers));
      await ask("POST", `invocation/${requestId}/response`, encoded(value));
    } catch (error) {
      const said = described(error);
      console.error("Invoke Error", JSON.stringify({ ...said, trace: undefined, stack: said.trace }));
      await ask("POST", `invocation/${requestId}/error`, JSON.stringify(said), said.errorType);
    }
  }
}

patchConsole();
process.on("beforeExit", () => whenIdle());
process.on("uncaughtException", (error) => end("Runtime.UnhandledError", error));
process.on("unhandledRejection", (error) => end("Runtime.UnhandledPromiseRejection", error));
let handler;
try {
  handler = await findHandler(environment.LAMBDA_TASK_ROOT, environment._HANDLER);
} catch (error) {
  await failInit(error);
}
await serve(handler);
