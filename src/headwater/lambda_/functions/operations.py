"""CreateFunction, GetFunction, GetFunctionConfiguration, ListFunctions, DeleteFunction and the two updates.

`function_operations` is their table. A function, and a change of one, is checked as a whole before
anything of it is kept: its runtime must be on this machine, its zip must unpack.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from headwater.lambda_.api.errors import InvalidParameterValueException, ResourceConflictException
from headwater.lambda_.api.pages import page_of
from headwater.lambda_.api.rest_api import Handler
from headwater.lambda_.api.tags import check_tags
from headwater.lambda_.functions.code_source import CodeSource
from headwater.lambda_.functions.function import (
    LATEST,
    Code,
    Function,
    Version,
    configuration_of,
    next_generation,
)
from headwater.lambda_.functions.functions import Functions
from headwater.lambda_.functions.name import NAME_LENGTH_MAX, named_function
from headwater.lambda_.functions.requests import (
    check_revision,
    checked_handler,
    configured,
    found,
    found_function,
    refuse_during_update,
    refuse_unknown,
)
from headwater.lambda_.functions.version_operations import published
from headwater.model.caller import Caller
from headwater.model.errors import AccessDeniedException
from headwater.server.http.exchange import Answer

CODE_PLACE = "lambda/code"
NOT_ALLOWED = (
    "Functions run with the rights of whoever runs this server, and the server listens on an address that "
    "others can reach: start it with --credentials to say who may give it code, or listen on 127.0.0.1."
)


def function_operations(functions: Functions, source: CodeSource) -> Mapping[str, Handler]:
    """The operations on the functions of one server, by name. `source` fetches code from buckets."""
    return {
        "CreateFunction": partial(create_function, functions, source),
        "DeleteFunction": partial(delete_function, functions),
        "GetFunction": partial(get_function, functions),
        "GetFunctionConfiguration": partial(get_function_configuration, functions),
        "ListFunctions": partial(list_functions, functions),
        "UpdateFunctionCode": partial(update_function_code, functions, source),
        "UpdateFunctionConfiguration": partial(update_function_configuration, functions),
    }


async def create_function(
    functions: Functions, source: CodeSource, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """A new function, Pending for a moment. Raises InvalidParameterValueException."""
    refuse_strangers(functions)
    refuse_unknown(request)
    named = named_function(request["FunctionName"], caller)
    _check_new(functions, named.id, caller, named.id.name)
    if not request.get("Runtime"):
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    now_ms = functions.now_ms()
    revision_id = functions.new_uuid()
    version = configured(
        Version(
            runtime=request["Runtime"],
            role_arn=request["Role"],
            code=Code("", 0),
            last_modified_ms=now_ms,
            revision_id=revision_id,
            generation=next_generation(now_ms, revision_id),
            active_ms=functions.due_ms(),
        ),
        request,
    )
    await check_runtime(functions, version)
    tags = request.get("Tags") or {}
    check_tags(tags)
    code = await _code_of(functions, source, caller, request["Code"])
    _check_new(functions, named.id, caller, named.id.name)  # the code took its time
    function = Function(
        account_id=named.id.account_id,
        region=named.id.region,
        name=named.id.name,
        latest=msgspec.structs.replace(version, code=code),
        tags=dict(tags),
    )
    if request.get("Publish"):
        function, version = published(functions, function, function.latest.description)
    await functions.keep(function)
    shown = version if request.get("Publish") else function.latest
    qualifier = shown.version if request.get("Publish") else None
    return configuration_of(function, shown, now_ms, qualifier)


async def get_function(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """A version's configuration, where its zip can be had, and the function's tags."""
    chosen = found(functions, named_function(request["FunctionName"], caller, request.get("Qualifier")))
    function, version, _ = chosen
    document: dict[str, Any] = {
        "Configuration": _shown(functions, function, version, chosen.arn),
        "Code": _code_location(functions, version.code),
    }
    if function.tags:
        document["Tags"] = function.tags
    if function.reserved_concurrency is not None:
        document["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
    return document


async def get_function_configuration(
    functions: Functions, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """A version's configuration."""
    chosen = found(functions, named_function(request["FunctionName"], caller, request.get("Qualifier")))
    return _shown(functions, chosen.function, chosen.version, chosen.arn)


async def list_functions(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """The functions of an account and region, each as `$LATEST`, or with all versions; by pages of 50."""
    now_ms = functions.now_ms()
    everything = request.get("FunctionVersion") == "ALL"
    rows = []
    for function in functions.store.functions():
        if (function.account_id, function.region) != caller:
            continue
        for version in function.versions if everything else (function.latest,):
            shown = configuration_of(function, version, now_ms, version.version if everything else None)
            for member in ("State", "StateReason", "StateReasonCode", "LastUpdateStatus"):
                shown.pop(member, None)
            rows.append((f"{function.name}:{version.version}", shown))
    return page_of("Functions", rows, request)


async def delete_function(functions: Functions, caller: Caller, request: dict[str, Any]) -> Answer:
    """The function with all that belongs to it, or one of its versions.

    Raises InvalidParameterValueException and ResourceConflictException.
    """
    named = named_function(request["FunctionName"], caller, request.get("Qualifier"))
    function = found_function(functions, named)
    qualifier = named.qualifier
    if not qualifier:
        await functions.remove(function.id)
        return Answer(204, (), b"")
    if qualifier == LATEST:
        raise InvalidParameterValueException(
            "$LATEST version cannot be deleted without deleting the function."
        )
    if not qualifier.isdigit():
        raise InvalidParameterValueException("Deletion of aliases is not currently supported.")
    users = sorted(
        alias.name
        for alias in function.aliases.values()
        if alias.version == qualifier or qualifier in alias.weights
    )
    if users:
        raise ResourceConflictException(
            f"Unable to delete version because the following aliases reference it: [{', '.join(users)}]"
        )
    left = tuple(version for version in function.published if version.version != qualifier)
    await functions.keep(msgspec.structs.replace(function, published=left))
    return Answer(204, (), b"")


async def update_function_code(
    functions: Functions, source: CodeSource, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Other code for `$LATEST`; with `DryRun` it is only checked."""
    refuse_strangers(functions)
    refuse_unknown(request)
    named = named_function(request["FunctionName"], caller)
    function = found_function(functions, named)
    check_revision(request.get("RevisionId"), function.latest.revision_id)
    refuse_during_update(function, functions.now_ms())
    code = await _code_of(functions, source, caller, request)
    function = found_function(functions, named)
    check_revision(request.get("RevisionId"), function.latest.revision_id)
    refuse_during_update(function, functions.now_ms())
    changed = msgspec.structs.replace(function.latest, code=code)
    if request.get("Architectures"):
        changed = msgspec.structs.replace(changed, architectures=tuple(request["Architectures"]))
    return await _keep_changed(functions, function, changed, request)


async def update_function_configuration(
    functions: Functions, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Another configuration for `$LATEST`."""
    refuse_strangers(functions)
    refuse_unknown(request)
    named = named_function(request["FunctionName"], caller)
    function = found_function(functions, named)
    changed = configured(function.latest, request)
    await check_runtime(functions, changed)
    function = found_function(functions, named)  # looking for the runtime took its time
    check_revision(request.get("RevisionId"), function.latest.revision_id)
    refuse_during_update(function, functions.now_ms())
    return await _keep_changed(functions, function, configured(function.latest, request), request)


async def _keep_changed(
    functions: Functions, function: Function, changed: Version, request: dict[str, Any]
) -> dict[str, Any]:
    now_ms, revision_id = functions.now_ms(), functions.new_uuid()
    changed = msgspec.structs.replace(
        changed,
        last_modified_ms=now_ms,
        revision_id=revision_id,
        generation=next_generation(now_ms, revision_id),
        updated_ms=functions.due_ms(),
    )
    function = msgspec.structs.replace(function, latest=changed)
    if request.get("DryRun"):
        return configuration_of(function, changed, now_ms)
    if request.get("Publish"):
        function, version = published(functions, function, changed.description)
        await functions.keep(function)
        return configuration_of(function, version, now_ms, version.version)
    await functions.keep(function)
    return configuration_of(function, changed, now_ms)


# Checks


def refuse_strangers(functions: Functions) -> None:
    """Raise AccessDeniedException where anybody might give the server code to run."""
    if not functions.settings.may_create:
        raise AccessDeniedException(NOT_ALLOWED)


async def check_runtime(functions: Functions, version: Version) -> None:
    """Raise InvalidParameterValueException when the version cannot run on this machine."""
    launch = await asyncio.to_thread(functions.runtimes.launch, version.runtime)
    checked_handler(version, needs_handler=launch.needs_handler)
    if launch.warning:
        functions.log("warning", launch.warning)


def _check_new(functions: Functions, key: Any, caller: Caller, name: str) -> None:
    if (key.account_id, key.region) != caller:
        raise InvalidParameterValueException("A function is made in the account and region of its caller.")
    if len(name) > NAME_LENGTH_MAX:
        raise InvalidParameterValueException(f"A function's name has at most {NAME_LENGTH_MAX} characters.")
    if functions.store.find(key) is not None:
        raise ResourceConflictException(f"Function already exist: {name}")


# Code


async def _code_of(functions: Functions, source: CodeSource, caller: Caller, request: dict[str, Any]) -> Code:
    """The code that a request gives or names, kept."""
    zipped = request.get("ZipFile")
    bucket, key = request.get("S3Bucket"), request.get("S3Key")
    if zipped is not None and (bucket or key):
        raise InvalidParameterValueException("Please provide a source for function code: a zip or a bucket.")
    if zipped is None:
        if not bucket or not key:
            raise InvalidParameterValueException("Please provide a source for function code.")
        zipped = await source.fetch(caller.region, bucket, key, request.get("S3ObjectVersion"))
    return await functions.keep_code(zipped)


def _code_location(functions: Functions, code: Code) -> dict[str, Any]:
    if code.folder:
        return {"RepositoryType": "Headwater", "Location": f"file://{code.folder}"}
    endpoint_url = functions.settings.endpoint_url()
    return {"RepositoryType": "S3", "Location": f"{endpoint_url}/_headwater/{CODE_PLACE}/{code.digest}"}


def _shown(functions: Functions, function: Function, version: Version, arn: str) -> dict[str, Any]:
    qualifier = arn.removeprefix(function.arn).removeprefix(":") or None
    return configuration_of(function, version, functions.now_ms(), qualifier)
