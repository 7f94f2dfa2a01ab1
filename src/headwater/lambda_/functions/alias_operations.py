"""CreateAlias, GetAlias, ListAliases, UpdateAlias and DeleteAlias: names for versions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from headwater.lambda_.api.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from headwater.lambda_.api.pages import page_of
from headwater.lambda_.api.rest_api import Handler
from headwater.lambda_.functions.function import LATEST, Alias, Function
from headwater.lambda_.functions.functions import Functions
from headwater.lambda_.functions.name import named_function
from headwater.lambda_.functions.requests import check_revision, found_function
from headwater.model.caller import Caller


def alias_operations(functions: Functions) -> Mapping[str, Handler]:
    """The operations on the aliases of one server's functions, by name."""
    return {
        "CreateAlias": partial(create_alias, functions),
        "DeleteAlias": partial(delete_alias, functions),
        "GetAlias": partial(get_alias, functions),
        "ListAliases": partial(list_aliases, functions),
        "UpdateAlias": partial(update_alias, functions),
    }


async def create_alias(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """A new name for a version. Raises ResourceConflictException."""
    function = _function(functions, caller, request)
    name = request["Name"]
    if name in function.aliases:
        raise ResourceConflictException(f"Alias already exists: {function.arn}:{name}")
    alias = Alias(name, request["FunctionVersion"], request.get("Description") or "", {}, "")
    return await _kept(functions, function, alias, request)


async def get_alias(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """The description of an alias."""
    function = _function(functions, caller, request)
    return _described(function, _found(function, request["Name"]))


async def list_aliases(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """The names of a function, or of one of its versions; by pages of 50."""
    function = _function(functions, caller, request)
    version = request.get("FunctionVersion")
    rows = [
        (alias.name, _described(function, alias))
        for alias in sorted(function.aliases.values(), key=lambda alias: alias.name)
        if not version or alias.version == version or version in alias.weights
    ]
    return page_of("Aliases", rows, request)


async def update_alias(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Let a name stand for another version, or for two."""
    function = _function(functions, caller, request)
    alias = _found(function, request["Name"])
    check_revision(request.get("RevisionId"), alias.revision_id)
    changes = {
        field: request[member]
        for member, field in (("FunctionVersion", "version"), ("Description", "description"))
        if request.get(member) is not None
    }
    return await _kept(functions, function, msgspec.structs.replace(alias, **changes), request)


async def delete_alias(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a name; that there is none is no error."""
    function = _function(functions, caller, request)
    if request["Name"] in function.aliases:
        left = {name: alias for name, alias in function.aliases.items() if name != request["Name"]}
        policies = {name: policy for name, policy in function.policies.items() if name != request["Name"]}
        await functions.keep(msgspec.structs.replace(function, aliases=left, policies=policies))
    return {}


def _function(functions: Functions, caller: Caller, request: dict[str, Any]) -> Function:
    return found_function(functions, named_function(request["FunctionName"], caller))


def _found(function: Function, name: str) -> Alias:
    alias = function.aliases.get(name)
    if alias is None:
        raise ResourceNotFoundException(f"Cannot find alias arn: {function.arn}:{name}")
    return alias


async def _kept(
    functions: Functions, function: Function, alias: Alias, request: dict[str, Any]
) -> dict[str, Any]:
    routing = request.get("RoutingConfig")
    weights = alias.weights if routing is None else routing.get("AdditionalVersionWeights") or {}
    _check_versions(function, alias.version, weights)
    alias = msgspec.structs.replace(alias, weights=dict(weights), revision_id=functions.new_uuid())
    await functions.keep(msgspec.structs.replace(function, aliases={**function.aliases, alias.name: alias}))
    return _described(function, alias)


def _check_versions(function: Function, version: str, weights: Mapping[str, float]) -> None:
    for name in (version, *weights):
        if function.version(name) is None:
            raise ResourceNotFoundException(f"Function not found: {function.arn}:{name}")
    if not weights:
        return
    if len(weights) > 1:
        raise InvalidParameterValueException(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
    if LATEST in (version, *weights):
        raise InvalidParameterValueException(
            "$LATEST is not supported for an alias pointing to more than 1 version"
        )
    if version in weights:
        raise InvalidParameterValueException(
            f"Invalid function version {version}. Function version {version} is already included in routing "
            "configuration."
        )


def _described(function: Function, alias: Alias) -> dict[str, Any]:
    described: dict[str, Any] = {
        "AliasArn": f"{function.arn}:{alias.name}",
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.weights:
        described["RoutingConfig"] = {"AdditionalVersionWeights": alias.weights}
    return described
