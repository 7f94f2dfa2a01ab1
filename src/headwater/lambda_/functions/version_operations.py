"""PublishVersion and ListVersionsByFunction: versions that stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from headwater.lambda_.api.errors import InvalidParameterValueException
from headwater.lambda_.api.pages import page_of
from headwater.lambda_.api.rest_api import Handler
from headwater.lambda_.functions.function import Function, Version, configuration_of, next_generation
from headwater.lambda_.functions.functions import Functions
from headwater.lambda_.functions.name import named_function
from headwater.lambda_.functions.requests import (
    check_revision,
    found_function,
    refuse_during_update,
    refuse_unknown,
)
from headwater.model.caller import Caller


def version_operations(functions: Functions) -> Mapping[str, Handler]:
    """The operations on the versions of one server's functions, by name."""
    return {
        "ListVersionsByFunction": partial(list_versions_by_function, functions),
        "PublishVersion": partial(publish_version, functions),
    }


async def publish_version(functions: Functions, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """`$LATEST` under a number of its own; the last one again, if nothing has changed since.

    Raises InvalidParameterValueException.
    """
    refuse_unknown(request)
    function = found_function(functions, named_function(request["FunctionName"], caller))
    latest = function.latest
    check_revision(request.get("RevisionId"), latest.revision_id)
    refuse_during_update(function, functions.now_ms())
    expected = request.get("CodeSha256")
    if expected and expected != latest.code.sha256:
        raise InvalidParameterValueException(
            f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST "
            f"({latest.code.sha256}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    description = request.get("Description")
    changed, version = published(
        functions, function, latest.description if description is None else description
    )
    if changed is not function:
        await functions.keep(changed)
    return configuration_of(changed, version, functions.now_ms(), version.version)


async def list_versions_by_function(
    functions: Functions, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Every version, `$LATEST` first; by pages of 50."""
    function = found_function(functions, named_function(request["FunctionName"], caller))
    rows = [
        (version.version, configuration_of(function, version, functions.now_ms(), version.version))
        for version in function.versions
    ]
    return page_of("Versions", rows, request)


def published(functions: Functions, function: Function, description: str) -> tuple[Function, Version]:
    """The function with `$LATEST` published, and that version; the same function if it already is."""
    if function.published:
        last = function.published[-1]
        if _substance(last) == _substance(function.latest):
            return function, last
    revision_id = functions.new_uuid()
    version = msgspec.structs.replace(
        function.latest,
        version=str(function.next_version),
        description=description,
        revision_id=revision_id,
        generation=next_generation(functions.now_ms(), revision_id),
        updated_ms=0,
    )
    changed = msgspec.structs.replace(
        function,
        published=(*function.published, version),
        next_version=function.next_version + 1,
    )
    return changed, version


def _substance(version: Version) -> Version:
    """The parts of a version whose change makes a new one."""
    return msgspec.structs.replace(
        version,
        version="",
        description="",
        last_modified_ms=0,
        revision_id="",
        generation="",
        active_ms=0,
        updated_ms=0,
    )
