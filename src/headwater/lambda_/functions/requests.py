"""From the members of a request to the values of a function: what CreateFunction and the two updates share.

Members that have no meaning on one machine (networks, keys, tracing, where logs go) are kept and
shown. Members that would change what the function does, and that Headwater does not have, are
refused: a function must not seem to run as it would at AWS.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.lambda_.api.errors import (
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from headwater.lambda_.functions.function import Function, Version
from headwater.lambda_.functions.functions import Functions, NamedVersion
from headwater.lambda_.functions.name import NamedFunction
from headwater.lambda_.functions.variables import RESERVED

VARIABLES_BYTES_MAX = 4096
TIMEOUT_S_MAX = 900
MEMORY_MB_MAX = 10_240
SHOWN = ("KMSKeyArn", "LoggingConfig", "TracingConfig", "VpcConfig")
REFUSED = (
    "AcceleratorConfig",
    "CapacityProviderConfig",
    "CodeSigningConfigArn",
    "DurableConfig",
    "FileSystemConfigs",
    "ImageConfig",
    "Layers",
    "PublishTo",
    "TenancyConfig",
)
STALE = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
)


def refuse_unknown(request: dict[str, Any]) -> None:
    """Raise InvalidParameterValueException for a member that Headwater has no part for."""
    for member in REFUSED:
        if request.get(member):
            raise InvalidParameterValueException(f"Headwater does not offer {member}.")
    if request.get("PackageType") == "Image" or request.get("ImageUri"):
        raise InvalidParameterValueException("Headwater does not offer functions of container images.")
    if (request.get("SnapStart") or {}).get("ApplyOn", "None") != "None":
        raise InvalidParameterValueException("Headwater does not offer SnapStart.")


def configured(version: Version, request: dict[str, Any]) -> Version:
    """The version with what a request says of its configuration. Raises InvalidParameterValueException."""
    changes: dict[str, Any] = {}
    for member, field in (
        ("Runtime", "runtime"),
        ("Handler", "handler"),
        ("Role", "role_arn"),
        ("Description", "description"),
        ("Timeout", "timeout_s"),
        ("MemorySize", "memory_mb"),
    ):
        if request.get(member) is not None:
            changes[field] = request[member]
    if changes.get("timeout_s", 0) > TIMEOUT_S_MAX:
        raise InvalidParameterValueException(f"A function may take at most {TIMEOUT_S_MAX} seconds.")
    if changes.get("memory_mb", 0) > MEMORY_MB_MAX:
        raise InvalidParameterValueException(f"A function may have at most {MEMORY_MB_MAX} MB.")
    if request.get("Environment") is not None:
        changes["environment"] = _variables(request["Environment"])
    if request.get("EphemeralStorage") is not None:
        changes["ephemeral_storage_mb"] = request["EphemeralStorage"]["Size"]
    if request.get("Architectures"):
        changes["architectures"] = tuple(request["Architectures"])
    if request.get("DeadLetterConfig") is not None:
        changes["dead_letter_arn"] = _dead_letter(request["DeadLetterConfig"])
    shown = {member: request[member] for member in SHOWN if request.get(member) is not None}
    if shown:  # an empty one takes away what was there
        changes["shown"] = {member: value for member, value in (version.shown | shown).items() if value}
    return msgspec.structs.replace(version, **changes)


def _variables(environment: dict[str, Any]) -> dict[str, str] | None:
    variables: dict[str, str] = environment.get("Variables") or {}
    reserved = sorted(RESERVED.intersection(variables))
    if reserved:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables "
            "you have provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = msgspec.json.encode(variables).decode()
    if sum(len(key.encode()) + len(value.encode()) for key, value in variables.items()) > VARIABLES_BYTES_MAX:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables "
            f"you have provided exceeded the 4KB limit. String measured: {measured}"
        )
    if any("\0" in value for value in variables.values()):
        raise InvalidParameterValueException("An environment variable cannot have a null character.")
    return variables or None


def _dead_letter(config: dict[str, Any]) -> str | None:
    arn: str = config.get("TargetArn") or ""
    if not arn:
        return None
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] not in ("sqs", "sns"):
        raise InvalidParameterValueException(f"The provided target ARN is neither a queue nor a topic: {arn}")
    return arn


def checked_handler(version: Version, *, needs_handler: bool) -> None:
    """Raise InvalidParameterValueException for a function whose runtime needs a handler and that has none."""
    if needs_handler and not version.handler:
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )


def check_revision(expected: str | None, revision_id: str) -> None:
    """Raise PreconditionFailedException when the caller knows an older revision."""
    if expected and expected != revision_id:
        raise PreconditionFailedException(STALE)


def found(functions: Functions, named: NamedFunction) -> NamedVersion:
    """The version that is named. Raises ResourceNotFoundException."""
    chosen = functions.find(named)
    if chosen is None:
        arn = f"{named.id.arn}:{named.qualifier}" if named.qualifier else named.id.arn
        raise ResourceNotFoundException(f"Function not found: {arn}")
    return chosen


def found_function(functions: Functions, named: NamedFunction) -> Function:
    """The function that is named, whatever its qualifier. Raises ResourceNotFoundException."""
    return found(functions, named._replace(qualifier=None)).function


def refuse_during_update(function: Function, now_ms: int) -> None:
    """Raise ResourceConflictException while the function is being made or changed."""
    if not function.latest.is_active(now_ms):
        raise ResourceConflictException(
            "The operation cannot be performed at this time. "
            "The function is currently in the following state: Pending"
        )
    if function.latest.is_updating(now_ms):
        raise ResourceConflictException(
            "The operation cannot be performed at this time. "
            f"An update is in progress for resource: {function.arn}"
        )
