"""Runs a Python handler: the Runtime API's client, in a process of the function's own.

Not a part of the server: it is started by the interpreter that the function is for, which may
be an older one, and uses nothing but the standard library. The folder of the function takes
the place of this file's in the path of modules.

Rules:
- it runs with Python 3.8: types are named in annotations only, which nobody evaluates;
- one event after another: the next is asked for when the answer to the last one is given;
- what a handler raises is an error of its invocation; what goes wrong before the first event
  is told as an error of the start, and ends the process.
"""

from __future__ import annotations

import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NoReturn

VERSION = "2018-06-01"


class RuntimeFault(Exception):
    """What is wrong with a function, by the name that Lambda has for it."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


class Context:
    """What a handler is told of its invocation."""

    def __init__(self, headers: http.client.HTTPMessage) -> None:
        environment = os.environ
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn", "")
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        identity = json.loads(headers.get("Lambda-Runtime-Cognito-Identity") or "{}")
        self.identity = SimpleNamespace(
            cognito_identity_id=identity.get("cognitoIdentityId"),
            cognito_identity_pool_id=identity.get("cognitoIdentityPoolId"),
        )
        self.client_context = _client_context(headers.get("Lambda-Runtime-Client-Context"))
        self.tenant_id = headers.get("Lambda-Runtime-Aws-Tenant-Id")
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        """How long the invocation may still take."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


def _client_context(text: str | None) -> SimpleNamespace | None:
    if not text:
        return None
    document = json.loads(text)
    client = document.get("client") or {}
    names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
    return SimpleNamespace(
        custom=document.get("custom"),
        env=document.get("env"),
        client=SimpleNamespace(**{name: client.get(name) for name in names}),
    )


class RuntimeApiClient:
    """The server's end, over one connection that is kept."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[http.client.HTTPMessage, bytes]:
        """The next event, and what belongs to it."""
        _, headers, body = self._ask("GET", "invocation/next")
        return headers, body

    def respond(self, request_id: str, body: bytes) -> int:
        """Give the answer to an event; gives the status that this has."""
        return self._ask("POST", "invocation/" + request_id + "/response", body)[0]

    def fail(self, request_id: str, document: dict[str, Any]) -> None:
        """Say that an event had an error."""
        kind = str(document["errorType"])
        self._ask("POST", "invocation/" + request_id + "/error", _encoded(document), kind)

    def fail_init(self, document: dict[str, Any]) -> None:
        """Say that the function cannot start."""
        self._ask("POST", "init/error", _encoded(document), str(document["errorType"]))

    def _ask(
        self, method: str, place: str, body: bytes | None = None, kind: str | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if kind is not None:
            headers["Lambda-Runtime-Function-Error-Type"] = kind.encode("ascii", "replace").decode()
        self._connection.request(method, "/" + VERSION + "/runtime/" + place, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.headers, answer.read()


class _Formatter(logging.Formatter):
    """Lines as Lambda's own logger writes them."""

    request_id = ""

    def format(self, record: logging.LogRecord) -> str:
        record.aws_request_id = self.request_id
        return super().format(record)


FORMATTER = _Formatter(
    "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
)
FORMATTER.converter = time.gmtime


def _find_handler(name: str) -> Callable[[Any, Any], Any]:
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise RuntimeFault(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    module_name = module_name.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise RuntimeFault("Runtime.ImportModuleError", text) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").rstrip()}\n']
        text = f"Syntax error in module '{module_name}': {error}"
        raise RuntimeFault("Runtime.UserCodeSyntaxError", text, trace) from error
    handler: Callable[[Any, Any], Any] | None = getattr(module, function_name, None)
    if handler is None:
        raise RuntimeFault(
            "Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'"
        )
    return handler


def _described(error: BaseException, request_id: str) -> dict[str, Any]:
    if isinstance(error, RuntimeFault):
        kind, trace = error.kind, error.trace
    else:
        kind = type(error).__name__
        trace = traceback.format_list(_own_frames(error))
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": trace}


def _own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Where the error came from, in the function's files and those that they use."""
    return [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]


def _print_error(document: dict[str, Any]) -> None:
    lines = [f"[ERROR] {document['errorType']}: {document['errorMessage']}"]
    if document["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        lines += [line.rstrip("\n") for line in document["stackTrace"]]
    print("\n".join(lines), flush=True)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _encoded(value: object) -> bytes:
    return json.dumps(value, default=_plain).encode()


def _answer(handler: Callable[[Any, Any], Any], event: bytes, context: Context) -> bytes:
    try:
        document = json.loads(event)
    except ValueError as error:
        raise RuntimeFault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
    result = handler(document, context)
    try:
        return _encoded(result)
    except (TypeError, ValueError, RecursionError) as error:
        raise RuntimeFault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _start(api: RuntimeApiClient) -> Callable[[Any, Any], Any]:
    """The handler; a function that has none that can be used ends here."""
    try:
        return _find_handler(os.environ["_HANDLER"])
    except Exception as error:  # noqa: BLE001 - whatever a module raises is an error of the start
        document = _described(error, "")
    _print_error(document)
    api.fail_init(document)
    _flush()
    sys.exit(1)


def _serve(api: RuntimeApiClient, handler: Callable[[Any, Any], Any]) -> NoReturn:
    while True:
        headers, event = api.next()
        context = Context(headers)
        FORMATTER.request_id = context.aws_request_id
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
        try:
            answer = _answer(handler, event, context)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is the error of its invocation
            document = _described(error, context.aws_request_id)
            _print_error(document)
            api.fail(context.aws_request_id, document)
        else:
            _flush()
            api.respond(context.aws_request_id, answer)


def main() -> None:
    """Run the handler that the environment names, until the process is ended."""
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(FORMATTER)
    logging.getLogger().addHandler(output)
    logging.getLogger().setLevel(os.environ.get("AWS_LAMBDA_LOG_LEVEL", "WARNING"))
    api = RuntimeApiClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    _serve(api, _start(api))


if __name__ == "__main__":
    main()
