"""Runs a Python handler: the Runtime API's client, in a process of the function's own.

Not a part of the server: it is started by the interpreter that the function is for, which may
be an older one, and uses nothing but the standard library. The folder of the function takes
the place of this file's in the path of modules.

Rules:
- it runs with Python 3.8: types are named in annotations only, which nobody evaluates;
- one event after another: the next is asked for when the answer to the last one is given;
- what a handler raises is an error of its invocation; what goes wrong before the first event
  is told as an error of the start, and ends the process;
- answers, errors and the context are those of AWS's own client, awslambdaric 4.2.2; a test
  compares the two;
- what is logged begins a line and ends it, whatever was printed before.
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
W3C_FIELDS = ("traceparent", "tracestate", "baggage")
CLIENT_FIELDS = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
UTF8_SINCE_MINOR = 12
"""Of Python 3: from then on answers have characters as they are, before that as escapes."""
NO_BREAK_SPACE = "\u00a0"
"""Indents the lines of a stack trace in the log."""


class RuntimeFault(Exception):
    """What is wrong with a function, by the name that Lambda has for it."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


class LogOutput:
    """Where prints go. Knows whether a line has been begun, and not ended."""

    is_mid_line = False
    """Of standard output and standard error together: they are one log."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        """Write at once, as AWS's client does."""
        self._stream.write(text)
        self._stream.flush()
        if text:
            LogOutput.is_mid_line = not text.endswith("\n")

    def writelines(self, texts: list[str]) -> None:
        """Write each of them."""
        self.write("".join(texts))


def _say(text: str) -> None:
    """Write lines of their own."""
    sys.stdout.write(("\n" if LogOutput.is_mid_line else "") + text + ("" if text.endswith("\n") else "\n"))


class Context:
    """What a handler is told of its invocation."""

    def __init__(self, headers: http.client.HTTPMessage) -> None:
        """Raises `RuntimeFault` for what the caller has sent along when it is not JSON."""
        environment = os.environ
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.log_group_name = environment.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environment.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environment.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environment.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        self.tenant_id = headers.get("Lambda-Runtime-Aws-Tenant-Id")
        client = _parsed(headers.get("Lambda-Runtime-Client-Context"), "Client Context")
        identity = _parsed(headers.get("Lambda-Runtime-Cognito-Identity"), "Cognito Identity")
        self._w3c_fields = _taken_w3c(client)
        self.client_context = None if client is None else _client_context(client)
        identity = {} if identity is None else identity
        self.identity = SimpleNamespace(
            cognito_identity_id=identity.get("cognitoIdentityId"),
            cognito_identity_pool_id=identity.get("cognitoIdentityPoolId"),
        )
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        """How long the invocation may still take."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def w3c(self) -> dict[str, str]:
        """The trace context that came with the invocation, by the names that W3C gives its parts."""
        return dict(self._w3c_fields)

    def log(self, message: object) -> None:
        """Write to the function's log."""
        _say(str(message))

    def __repr__(self) -> str:
        shown = ",".join(f"{name}={value}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"LambdaContext([{shown}])"


def _parsed(text: str | None, name: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        text = f"Unable to parse {name} JSON: {error}"
        raise RuntimeFault("Runtime.LambdaContextUnmarshalError", text) from error


def _taken_w3c(client: Any) -> dict[str, str]:
    """The trace context, which is no longer in the client's context then."""
    found = client.pop("w3c", None) if isinstance(client, dict) else None
    if not isinstance(found, dict):
        return {}
    return {name: found[name] for name in W3C_FIELDS if isinstance(found.get(name), str)}


def _client_context(document: Any) -> SimpleNamespace:
    client = document.get("client")
    return SimpleNamespace(
        custom=document.get("custom"),
        env=document.get("env"),
        client=None
        if client is None
        else SimpleNamespace(**{name: client.get(name) for name in CLIENT_FIELDS}),
    )


class RuntimeApiClient:
    """The server's end, over one connection that is kept."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[http.client.HTTPMessage, bytes]:
        """The next event, and what belongs to it."""
        _, headers, body = self._ask("GET", "invocation/next")
        return headers, body

    def respond(self, request_id: str, body: bytes) -> None:
        """Give the answer to an event."""
        self._ask("POST", "invocation/" + request_id + "/response", body)

    def fail(self, request_id: str, document: dict[str, Any]) -> None:
        """Say that an event had an error."""
        kind = str(document["errorType"])
        self._ask("POST", "invocation/" + request_id + "/error", to_json(document).encode(), kind)

    def fail_init(self, document: dict[str, Any]) -> None:
        """Say that the function cannot start."""
        self._ask("POST", "init/error", to_json(document).encode(), str(document["errorType"]))

    def _ask(
        self, method: str, place: str, body: bytes | None = None, kind: str | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if kind is not None:
            headers["Lambda-Runtime-Function-Error-Type"] = kind.encode("ascii", "replace").decode()
        self._connection.request(method, "/" + VERSION + "/runtime/" + place, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.headers, answer.read()


class LogHandler(logging.Handler):
    """Lines as Lambda's own logger writes them, whatever formatter a function gives it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        _say(self.format(record))


class InvocationFilter(logging.Filter):
    """Lets every record through, with the invocation that it belongs to."""

    request_id = ""
    tenant_id: str | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Add what Lambda's formatters can name."""
        record.aws_request_id = self.request_id
        record.tenant_id = self.tenant_id
        return True


FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
INVOCATION = InvocationFilter()


def _find_handler(name: str) -> Callable[[Any, Any], Any]:
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise RuntimeFault(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    if module_name.split(".")[0] in sys.builtin_module_names:
        text = f"Cannot use built-in module {module_name} as a handler module"
        raise RuntimeFault("Runtime.BuiltInModuleConflict", text)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise RuntimeFault("Runtime.ImportModuleError", text) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        text = f"Syntax error in module '{module_name}': {error}"
        raise RuntimeFault("Runtime.UserCodeSyntaxError", text, trace) from error
    try:
        handler: Callable[[Any, Any], Any] = getattr(module, function_name)
    except AttributeError as error:
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        raise RuntimeFault("Runtime.HandlerNotFound", text) from error
    return handler


def _described(error: BaseException, request_id: str) -> dict[str, Any]:
    if isinstance(error, RuntimeFault):
        kind, trace = error.kind, error.trace
    else:
        kind = type(error).__name__
        trace = traceback.format_list(_own_frames(error))
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": trace}


def _own_frames(error: BaseException) -> list[tuple[str, int, str, str | None]]:
    """Where the error came from, in the function's files and those that they use; lines, not columns."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    return [(frame.filename, frame.lineno or 0, frame.name, frame.line) for frame in frames]


def _print_error(document: dict[str, Any]) -> None:
    lines = [
        f"[ERROR] {document['errorType']}: {document['errorMessage']}",
        "Traceback (most recent call last):",
    ]
    for text in document["stackTrace"]:
        for line in text.splitlines():
            inner = line.lstrip(" ")
            lines.append(NO_BREAK_SPACE * (len(line) - len(inner)) + inner)
    _say("\n".join(lines))


class Writer:
    """Writes a value as JSON: what AWS's client makes of each type, in the order in which it asks."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._open: set[int] = set()
        runtime = os.environ.get("AWS_EXECUTION_ENV", "")
        _, _, minor = runtime.partition("AWS_Lambda_python3.")
        is_escaped = not (minor.isdigit() and int(minor) >= UTF8_SINCE_MINOR)
        self._quote = json.encoder.encode_basestring_ascii if is_escaped else json.encoder.encode_basestring

    @property
    def text(self) -> str:
        """What has been written."""
        return "".join(self._parts)

    def write(self, value: Any) -> None:
        """Write a value. Raises TypeError and ValueError for what has no form in JSON."""
        if isinstance(value, (str, bytes)):
            self._parts.append(self._quoted(value))
        elif value is None or isinstance(value, (bool, int, float)):
            self._parts.append(_word(value))
        elif isinstance(value, Decimal):
            self._parts.append("NaN" if value.is_nan() else str(value))
        elif id(value) in self._open:
            raise ValueError("Circular reference detected")
        else:
            self._open.add(id(value))
            self._write_members(value)
            self._open.discard(id(value))

    def _write_members(self, value: Any) -> None:
        as_dict = getattr(value, "_asdict", None)
        if callable(as_dict):
            value = as_dict()
            if not isinstance(value, dict):
                raise TypeError(f"_asdict() must return a dict, not {type(value).__name__}")
        if isinstance(value, dict):
            self._write_all("{", value.items(), "}")
        elif isinstance(value, (list, tuple)):
            self._write_all("[", ((None, member) for member in value), "]")
        else:
            raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")

    def _write_all(self, opening: str, members: Any, closing: str) -> None:
        before = opening
        for key, member in members:
            self._parts.append(before)
            if opening == "{":
                self._parts.append(self._quoted(_key(key)) + ": ")
            self.write(member)
            before = ", "
        self._parts.append(closing if before == ", " else opening + closing)

    def _quoted(self, text: str | bytes) -> str:
        return self._quote(text if isinstance(text, str) else text.decode())


def _word(value: float | None) -> str:
    """A number, or one of the three words that JSON has."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(int(value))
    if value != value:  # noqa: PLR0124 - it is not a number
        return "NaN"
    return {float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(value) or float.__repr__(value)


def _key(key: Any) -> str | bytes:
    if isinstance(key, (str, bytes)):
        return key
    if key is None or isinstance(key, (bool, int, float)):
        return _word(key)
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")


def to_json(value: Any) -> str:
    """The value as AWS's client for Python writes it."""
    writer = Writer()
    writer.write(value)
    return writer.text


def _answer(handler: Callable[[Any, Any], Any], event: bytes, context: Context) -> str | bytes:
    """What the handler gives: bytes as they are, anything else as JSON."""
    try:
        document = json.loads(event)
    except ValueError as error:
        raise RuntimeFault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
    result = handler(document, context)
    if isinstance(result, bytes):
        return result
    try:
        return to_json(result)
    except Exception as error:
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
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        INVOCATION.request_id = request_id
        INVOCATION.tenant_id = headers.get("Lambda-Runtime-Aws-Tenant-Id")
        _keep_trace(headers.get("Lambda-Runtime-Trace-Id"))
        try:
            answer = _answer(handler, event, Context(headers))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is the error of its invocation
            document = _described(error, request_id)
            _print_error(document)
            api.fail(request_id, document)
        else:
            _flush()
            api.respond(request_id, answer if isinstance(answer, bytes) else answer.encode())


def _keep_trace(trace_id: str | None) -> None:
    if trace_id is None:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    else:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id


def _set_up_logging() -> None:
    logging.Formatter.converter = time.gmtime
    output = LogHandler()
    output.setFormatter(logging.Formatter(FORMAT, "%Y-%m-%dT%H:%M:%S"))
    output.addFilter(INVOCATION)
    logging.getLogger().addHandler(output)
    wanted = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = logging.getLevelName({"TRACE": "DEBUG"}.get(wanted, wanted))
    if isinstance(level, int):
        logging.getLogger().setLevel(level)


def main() -> None:
    """Run the handler that the environment names, until the process is ended."""
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    sys.stdout, sys.stderr = LogOutput(sys.stdout), LogOutput(sys.stderr)
    _set_up_logging()
    api = RuntimeApiClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    _serve(api, _start(api))


if __name__ == "__main__":
    main()
