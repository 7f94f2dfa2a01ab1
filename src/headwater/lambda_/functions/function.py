"""What a function is: its versions, aliases, policies and tags, as immutable values.

Rules:
- `$LATEST` is a version like the others, but for changing; a published one never does;
- what a function cannot do here, but AWS shows again, is kept as it was said (`shown`);
- states follow from times: nothing has to happen for a function to become active.

Refuses to know requests, files and processes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from headwater.model.partition import partition_of

LATEST = "$LATEST"


class FunctionId(NamedTuple):
    """A function among those of all accounts and regions."""

    account_id: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """Without a qualifier."""
        account_id, region, name = self
        return f"arn:{partition_of(region)}:lambda:{region}:{account_id}:function:{name}"


def function_id_of(arn: str) -> FunctionId:
    """The function of an ARN that Lambda has given out, with a qualifier or without."""
    _, _, _, region, account_id, _, name, *_ = arn.split(":")
    return FunctionId(account_id, region, name)


class Code(msgspec.Struct, frozen=True):
    """The code of a version."""

    sha256: str
    """The SHA-256 of the zip, in base64; of code that is run in place, of its path."""
    size: int
    """The size of the zip, in bytes."""
    digest: str = ""
    """The same hash in hexadecimal: the name under which the code is kept."""
    folder: str = ""
    """The folder of code that is run in place; empty for a zip."""
    log_id: int = 0
    """The log that has the zip, where several servers run the code; 0 if there is none."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a function: its code and how it is run."""

    version: str = LATEST
    runtime: str
    handler: str = ""
    role_arn: str
    code: Code
    description: str = ""
    timeout_s: int = 3
    memory_mb: int = 128
    environment: dict[str, str] | None = None
    architectures: tuple[str, ...] = ("x86_64",)
    ephemeral_storage_mb: int = 512
    dead_letter_arn: str | None = None
    shown: dict[str, Any] = {}
    """Other members of the configuration, as the API names them."""
    last_modified_ms: int
    revision_id: str
    generation: str
    """Changes whenever a process that runs the version must give way to a new one."""
    active_ms: int
    """From when on the function is Active."""
    updated_ms: int = 0
    """From when on the last update is Successful."""

    def is_active(self, now_ms: int) -> bool:
        """Whether it can be invoked."""
        return now_ms >= self.active_ms

    def is_updating(self, now_ms: int) -> bool:
        """Whether a change of it is under way."""
        return now_ms < self.updated_ms


class Alias(msgspec.Struct, frozen=True):
    """A name for a version, or for two with a weight."""

    name: str
    version: str
    description: str
    weights: dict[str, float]
    """Versions that get a part of the invocations instead."""
    revision_id: str


class Policy(msgspec.Struct, frozen=True):
    """The policy of a function: recorded, and shown."""

    statements: dict[str, dict[str, Any]]
    revision_id: str


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """A function with all that belongs to it."""

    account_id: str
    region: str
    name: str
    latest: Version
    published: tuple[Version, ...] = ()
    next_version: int = 1
    aliases: dict[str, Alias] = {}
    policies: dict[str, Policy] = {}
    """By qualifier; the function's own under an empty one."""
    tags: dict[str, str] = {}
    reserved_concurrency: int | None = None

    @property
    def id(self) -> FunctionId:
        """Which function it is."""
        return FunctionId(self.account_id, self.region, self.name)

    @property
    def arn(self) -> str:
        """Without a qualifier."""
        return self.id.arn

    @property
    def versions(self) -> tuple[Version, ...]:
        """All of them, `$LATEST` first."""
        return (self.latest, *self.published)

    def version(self, name: str) -> Version | None:
        """The version of this name."""
        return next((version for version in self.versions if version.version == name), None)


def next_generation(now_ms: int, revision_id: str) -> str:
    """A generation that no version had before."""
    return f"{now_ms}-{revision_id}"


def configuration_of(
    function: Function, version: Version, now_ms: int, qualifier: str | None = None
) -> dict[str, Any]:
    """The members that the API shows of a version; with a qualifier, its ARN ends in it."""
    is_active = version.is_active(now_ms)
    shown: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": f"{function.arn}:{qualifier}" if qualifier else function.arn,
        "Runtime": version.runtime,
        "Role": version.role_arn,
        "Handler": version.handler,
        "CodeSize": version.code.size,
        "Description": version.description,
        "Timeout": version.timeout_s,
        "MemorySize": version.memory_mb,
        "LastModified": lambda_time(version.last_modified_ms),
        "CodeSha256": version.code.sha256,
        "Version": version.version,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": version.revision_id,
        "State": "Active" if is_active else "Pending",
        "LastUpdateStatus": "InProgress" if version.is_updating(now_ms) else "Successful",
        "PackageType": "Zip",
        "Architectures": list(version.architectures),
        "EphemeralStorage": {"Size": version.ephemeral_storage_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": log_group(function.name)},
        **version.shown,
    }
    if not is_active:
        shown["StateReason"] = "The function is being created."
        shown["StateReasonCode"] = "Creating"
    if version.environment is not None:
        shown["Environment"] = {"Variables": version.environment}
    if version.dead_letter_arn is not None:
        shown["DeadLetterConfig"] = {"TargetArn": version.dead_letter_arn}
    return shown


def log_group(name: str) -> str:
    """Where Lambda keeps the log of a function."""
    return f"/aws/lambda/{name}"


def lambda_time(time_ms: int) -> str:
    """A moment as Lambda writes it in texts."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}+0000"
