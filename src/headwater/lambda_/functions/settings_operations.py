"""Tags and reserved concurrency of functions, and GetAccountSettings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from headwater.lambda_.api.errors import InvalidParameterValueException
from headwater.lambda_.api.rest_api import Handler
from headwater.lambda_.api.tags import check_tags
from headwater.lambda_.functions.code import UNZIPPED_BYTES_MAX, ZIP_BYTES_MAX
from headwater.lambda_.functions.function import Function
from headwater.lambda_.functions.functions import Functions
from headwater.lambda_.functions.name import named_function
from headwater.lambda_.functions.requests import found_function
from headwater.model.caller import Caller

CODE_STORAGE_BYTES = 80_530_636_800


def function_settings_operations(functions: Functions) -> Mapping[str, Handler]:
    """The operations of this module, by name."""
    return {
        "DeleteFunctionConcurrency": partial(delete_function_concurrency, functions),
        "GetAccountSettings": partial(get_account_settings, functions),
        "GetFunctionConcurrency": partial(get_function_concurrency, functions),
        "ListTags": partial(list_tags, functions),
        "PutFunctionConcurrency": partial(put_function_concurrency, functions),
        "TagResource": partial(tag_resource, functions),
        "UntagResource": partial(untag_resource, functions),
    }


async def list_tags(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """The tags of a function."""
    return {"Tags": _tagged(functions, caller, request).tags}


async def tag_resource(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Add tags to a function."""
    function = _tagged(functions, caller, request)
    merged = function.tags | request["Tags"]
    check_tags(merged)
    await functions.keep(msgspec.structs.replace(function, tags=merged))
    return {}


async def untag_resource(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Take tags from a function."""
    function = _tagged(functions, caller, request)
    left = {key: value for key, value in function.tags.items() if key not in request["TagKeys"]}
    await functions.keep(msgspec.structs.replace(function, tags=left))
    return {}


async def put_function_concurrency(
    functions: Functions, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """How many invocations of a function there may be at once: none, with 0."""
    count = request["ReservedConcurrentExecutions"]
    function = _named(functions, caller, request)
    await functions.keep(msgspec.structs.replace(function, reserved_concurrency=count))
    return {"ReservedConcurrentExecutions": count}


async def get_function_concurrency(
    functions: Functions, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """The reserved concurrency of a function; empty without any."""
    count = _named(functions, caller, request).reserved_concurrency
    return {} if count is None else {"ReservedConcurrentExecutions": count}


async def delete_function_concurrency(
    functions: Functions, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Reserve nothing for a function."""
    function = _named(functions, caller, request)
    await functions.keep(msgspec.structs.replace(function, reserved_concurrency=None))
    return {}


async def get_account_settings(
    functions: Functions, caller: Caller, _request: dict[str, Any]
) -> dict[str, Any]:
    """The limits of this server, and what the account has."""
    everybodys = functions.store.functions()
    own = [function for function in everybodys if (function.account_id, function.region) == caller]
    reserved = sum(function.reserved_concurrency or 0 for function in own)
    codes = {version.code.sha256: version.code.size for function in own for version in function.versions}
    limit = functions.settings.concurrency
    return {
        "AccountLimit": {
            "TotalCodeSize": CODE_STORAGE_BYTES,
            "CodeSizeUnzipped": UNZIPPED_BYTES_MAX,
            "CodeSizeZipped": ZIP_BYTES_MAX,
            "ConcurrentExecutions": limit,
            "UnreservedConcurrentExecutions": max(0, limit - reserved),
        },
        "AccountUsage": {"TotalCodeSize": sum(codes.values()), "FunctionCount": len(own)},
    }


def _named(functions: Functions, caller: Caller, request: dict[str, Any]) -> Function:
    return found_function(functions, named_function(request["FunctionName"], caller))


def _tagged(functions: Functions, caller: Caller, request: dict[str, Any]) -> Function:
    arn: str = request["Resource"]
    named = named_function(arn, caller)
    if named.qualifier:
        raise InvalidParameterValueException("Tags on function aliases and versions are not supported.")
    return found_function(functions, named)
