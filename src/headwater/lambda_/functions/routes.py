"""The server's own routes for functions: code that runs where it lies, logs, and zips.

    POST /_headwater/lambda/functions     make or change a function whose code is in a folder
    GET  /_headwater/lambda/logs          the lines of a function's log: ?name=…&after=<number>
    GET  /_headwater/lambda/code/<digest> a zip, as it was given

The first is the one request to the server that names a path. It is answered only where the Lambda
API lets callers give code: on this machine, or to callers that are known.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec

from headwater.lambda_.api.errors import LambdaError
from headwater.lambda_.api.in_step import until_not_overtaken
from headwater.lambda_.functions.function import Code, Function, Version, configuration_of, next_generation
from headwater.lambda_.functions.functions import Functions
from headwater.lambda_.functions.name import named_function
from headwater.lambda_.functions.operations import check_runtime, refuse_strangers
from headwater.lambda_.functions.requests import configured
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.model.partition import partition_of
from headwater.server.admin import Methods, RouteSet
from headwater.server.asyncio_bridge import completed
from headwater.server.http.exchange import Answer
from headwater.server.refused import Refused
from headwater.wire.json_format import UNREADABLE

LINES_MAX = 10_000
NUMBER_DIGITS_MAX = 18
ROLE = "arn:{partition}:iam::{account_id}:role/headwater"
"""Of a function that says none: nobody looks at it here."""


class FunctionDeployment(msgspec.Struct, forbid_unknown_fields=True):
    """A function whose code lies in a folder. What is not said stays as it is."""

    name: str
    path: str
    runtime: str | None = None
    handler: str | None = None
    timeout_s: int | None = None
    memory_mb: int | None = None
    environment: dict[str, str] | None = None
    account_id: str | None = None
    region: str | None = None


def function_routes(functions: Functions) -> RouteSet:
    """The routes for the functions of one server. A reset of functions is Lambda's own."""
    actions = _FunctionActions(functions)
    return RouteSet(
        routes={b"lambda/functions": {b"POST": actions.deploy}, b"lambda/logs": {b"GET": actions.show_log}},
        items={b"lambda/code": actions.of_code},
    )


class _FunctionActions:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    async def deploy(self, body: bytes) -> dict[str, Any]:
        try:
            deployment = msgspec.json.decode(body, type=FunctionDeployment)
        except UNREADABLE as error:
            raise Refused(400, f"That is no function: {error}") from None
        try:
            functions = self._functions
            deployed = until_not_overtaken(functions.engine, lambda: deploy(functions, deployment))
            return await completed(deployed)
        except (LambdaError, KinesisError) as error:
            status = error.status if isinstance(error, LambdaError) else 403
            raise Refused(status, error.message or "") from None

    async def show_log(self, query: bytes) -> dict[str, Any]:
        asked = parse_qs(query.decode("latin-1"))
        name, after = asked.get("name", [""])[-1], asked.get("after", ["0"])[-1]
        if not (after.isascii() and after.isdigit() and len(after) <= NUMBER_DIGITS_MAX):
            raise Refused(400, f"{after!r} is not the number of a line.")
        return self._lines(name, int(after))

    def of_code(self, digest: str) -> Methods:
        async def show(_body: bytes) -> Answer:
            is_digest = len(digest) == 64 and all(each in "0123456789abcdef" for each in digest)
            zipped = await completed(self._functions.zip_of(digest)) if is_digest else None
            if zipped is None:
                raise Refused(404, f"There is no code {digest}.")
            return Answer(200, (("Content-Type", "application/zip"),), zipped)

        return {b"GET": show}

    def _lines(self, name: str, after: int) -> dict[str, Any]:
        lines = self._functions.logs.lines(name, after)[:LINES_MAX]
        if not lines and not any(function.name == name for function in self._functions.store.functions()):
            raise Refused(404, f"There is no function {name}.")
        return {
            "lines": [{"time_ms": line.time_ms, "text": line.text} for line in lines],
            "after": lines[-1].number if lines else after,
        }


async def deploy(functions: Functions, deployment: FunctionDeployment) -> dict[str, Any]:
    """Make or change a function. Raises errors of Lambda and Refused."""
    refuse_strangers(functions)
    folder = Path(deployment.path)
    if not folder.is_absolute() or not folder.is_dir():
        raise Refused(400, f"{deployment.path} is no folder on the machine of the server.")
    settings = functions.engine.settings
    caller = Caller(deployment.account_id or settings.account_id, deployment.region or settings.region)
    key = named_function(deployment.name, caller).id
    before = functions.store.find(key)
    now_ms, revision_id = functions.now_ms(), functions.new_uuid()
    code = Code(b64encode(sha256(str(folder).encode()).digest()).decode(), 0, folder=str(folder))
    if before is None and deployment.runtime is None:
        raise Refused(400, "A new function needs a runtime.")
    base = before.latest if before else _first_version(caller, deployment.runtime or "", code)
    version = configured(base, _members(deployment))
    await check_runtime(functions, version)
    version = msgspec.structs.replace(
        version,
        code=code,
        last_modified_ms=now_ms,
        revision_id=revision_id,
        generation=next_generation(now_ms, revision_id),
    )
    before = functions.store.find(key)  # looking for the runtime took its time
    if before is None:
        function = Function(account_id=key.account_id, region=key.region, name=key.name, latest=version)
    else:
        function = msgspec.structs.replace(before, latest=version)
    await functions.keep(function)
    return configuration_of(function, version, functions.now_ms())


def _first_version(caller: Caller, runtime: str, code: Code) -> Version:
    return Version(
        runtime=runtime,
        role_arn=ROLE.format(partition=partition_of(caller.region), account_id=caller.account_id),
        code=code,
        last_modified_ms=0,
        revision_id="",
        generation="",
        active_ms=0,
    )


def _members(deployment: FunctionDeployment) -> dict[str, Any]:
    return {
        "Runtime": deployment.runtime,
        "Handler": deployment.handler,
        "Timeout": deployment.timeout_s,
        "MemorySize": deployment.memory_mb,
        "Environment": None if deployment.environment is None else {"Variables": deployment.environment},
    }
