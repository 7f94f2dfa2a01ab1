// Runs a Node handler: the Runtime API's client, in a process of the function's own.
//
// It needs nothing but Node itself. Handlers may be asynchronous or take a callback, in files
// of CommonJS or of ECMAScript. One event after another; what goes wrong before the first event
// is told as an error of the start, and ends the process.

import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import util from "node:util";

const environment = process.env;
const [host, port] = environment.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
let requestId = "";

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
      process.stdout.write(`${new Date().toISOString()}\t${requestId || "undefined"}\t${level}\t${text}\n`);
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
  return handler;
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const parsed = (text) => (text ? JSON.parse(text) : undefined);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    clientContext: parsed(headers["lambda-runtime-client-context"]),
    identity: parsed(headers["lambda-runtime-cognito-identity"]),
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, value) => (error === null || error === undefined ? resolve(value) : reject(error));
    context.done = callback;
    context.fail = (error) => reject(error ?? new Error("handled"));
    context.succeed = resolve;
    const promised = handler(event, context, callback);
    if (promised !== null && promised !== undefined && typeof promised.then === "function") {
      promised.then(resolve, reject);
    } else if (handler.length < 3) {
      resolve(promised === undefined ? null : promised);
    }
  });
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
process.on("uncaughtException", (error) => end("Runtime.UnhandledError", error));
process.on("unhandledRejection", (error) => end("Runtime.UnhandledPromiseRejection", error));
let handler;
try {
  handler = await findHandler(environment.LAMBDA_TASK_ROOT, environment._HANDLER);
} catch (error) {
  await failInit(error);
}
await serve(handler);
