"""CloudFormation's resource types of Lambda, as sequences of Lambda operations.

`FUNCTION_TYPES` is the table; what is said of the types of streams (`stream_resources`) holds here too.

Rules:
- a property that a template no longer has goes back to what Lambda has without it;
- properties that have no meaning on one machine (`ProvisionedConcurrencyConfig`, `RecursiveLoop`,
  `RuntimeManagementConfig`, `RuntimePolicy`) are accepted; those that would change what a
  function does, and that Headwater does not have, are refused;
- a resource is at rest before anything else happens to it, and after.

Refuses to know stacks and templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from headwater.model.caller import Caller
from headwater.neighbours.calls.current import CURRENT_SERVER
from headwater.neighbours.calls.lambda_ import CallRefused, LambdaCalls, at_rest
from headwater.neighbours.cloudformation.inline_code import zip_of_source
from headwater.neighbours.cloudformation.stream_resources import Properties, Resource, ResourceType, shortened

NAME_LENGTH_MAX = 64
STATEMENT_LENGTH_MAX = 100
NOT_FOUND = "ResourceNotFoundException"
AT_REST = ("Enabled", "Disabled")

NOT_OFFERED = (
    "CapacityProviderConfig",
    "CodeSigningConfigArn",
    "DurableConfig",
    "FileSystemConfigs",
    "FunctionScalingConfig",
    "ImageConfig",
    "Layers",
    "PublishToLatestPublished",
    "TenancyConfig",
)
RENAMED = {"KmsKeyArn": "KMSKeyArn"}
"""Properties that the API calls otherwise."""
CONFIGURATION: Mapping[str, Any] = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "Handler": None,
    "KmsKeyArn": "",
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "Role": None,
    "Runtime": None,
    "SnapStart": {"ApplyOn": "None"},
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "VpcConfig": {"SecurityGroupIds": [], "SubnetIds": []},
}
"""Of a function: each property, and what it is without."""
ONLY_AT_CREATION = ("PackageType",)
MAPPING_OPTIONS: Mapping[str, Any] = {
    "AmazonManagedKafkaEventSourceConfig": None,
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "DocumentDBEventSourceConfig": None,
    "Enabled": True,
    "FilterCriteria": {"Filters": []},
    "FunctionName": None,
    "FunctionResponseTypes": [],
    "KmsKeyArn": "",
    "LoggingConfig": None,
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "MetricsConfig": {"Metrics": []},
    "ParallelizationFactor": 1,
    "ProvisionedPollerConfig": None,
    "Queues": None,
    "ScalingConfig": None,
    "SelfManagedKafkaEventSourceConfig": None,
    "SourceAccessConfigurations": None,
    "Topics": None,
    "TumblingWindowInSeconds": 0,
}
"""Of a mapping: each property that can change, and what it is without."""
MAPPING_SOURCE = ("EventSourceArn", "SelfManagedEventSource", "StartingPosition", "StartingPositionTimestamp")
MAPPING_CHANGES_ELSEWHERE = ("Queues", "SelfManagedEventSource", "Topics")
"""Of sources that are no streams: CreateEventSourceMapping refuses them, the update does not know them."""


class Lambda(NamedTuple):
    """The operations, as the stack's owner calls them."""

    calls: LambdaCalls
    caller: Caller

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        """An operation's answer; members that are `None` are left out. Raises `CallRefused`."""
        given = {name: value for name, value in members.items() if value is not None}
        return self.calls.call(self.caller, operation, given)

    def gone(self, operation: str, **members: Any) -> bool:
        """Do it; whether what it was to be done to is not there any more."""
        try:
            self(operation, **members)
        except CallRefused as error:
            if error.code != NOT_FOUND:
                raise
            return True
        return False

    def function(self, name: str) -> dict[str, Any]:
        """The configuration of a function at rest."""

        def look() -> dict[str, Any] | None:
            shown = self("GetFunctionConfiguration", FunctionName=name)
            is_at_rest = shown["State"] == "Active" and shown["LastUpdateStatus"] != "InProgress"
            return shown if is_at_rest else None

        return at_rest(name, look)

    def mapping(self, uuid: str) -> dict[str, Any]:
        """A mapping at rest."""

        def look() -> dict[str, Any] | None:
            shown = self("GetEventSourceMapping", UUID=uuid)
            return shown if shown["State"] in AT_REST else None

        return at_rest(uuid, look)


def current_lambda(caller: Caller) -> Lambda:
    """The Lambda of the server whose request this thread works at."""
    return Lambda(CURRENT_SERVER.get().lambda_, caller)


# Functions


def create_function(lambda_: Lambda, name: str, properties: Properties) -> Resource:
    """Create the function, then do what CreateFunction cannot; if that fails, it is deleted."""
    _refuse_not_offered(properties)
    name = properties.get("FunctionName") or shortened(name, NAME_LENGTH_MAX)
    members = {key: properties[key] for key in (*CONFIGURATION, *ONLY_AT_CREATION) if key in properties}
    members |= {"Architectures": properties.get("Architectures"), "Tags": _tags(properties) or None}
    lambda_("CreateFunction", FunctionName=name, Code=_code(properties), **_renamed(members))
    made = _described_function(lambda_, name)
    try:
        _change_concurrency(lambda_, name, {}, properties)
    except CallRefused:
        delete_function(lambda_, made)
        raise
    return made


def update_function(lambda_: Lambda, function: Resource, before: Properties, after: Properties) -> Resource:
    """The configuration, the code and the rest, as far as they differ."""
    _refuse_not_offered(after)
    name = function.identifier
    lambda_.function(name)
    changes = _changes(CONFIGURATION, before, after)
    if changes:
        lambda_("UpdateFunctionConfiguration", FunctionName=name, **_renamed(changes))
        lambda_.function(name)
    runs_on = after.get("Architectures")
    if before.get("Code") != after["Code"] or before.get("Architectures") != runs_on:
        runs_on = runs_on or ["x86_64"]
        lambda_("UpdateFunctionCode", FunctionName=name, Architectures=runs_on, **_code(after))
        lambda_.function(name)
    _change_concurrency(lambda_, name, before, after)
    _change_tags(lambda_, function.attributes["Arn"], before, after)
    return _described_function(lambda_, name)


def delete_function(lambda_: Lambda, function: Resource) -> None:
    """With its versions, aliases and permissions."""
    lambda_.gone("DeleteFunction", FunctionName=function.identifier)


def _described_function(lambda_: Lambda, name: str) -> Resource:
    shown = lambda_.function(name)
    snap_start = shown["SnapStart"]
    attributes = {"Arn": shown["FunctionArn"], "SnapStartResponse": snap_start}
    attributes |= {f"SnapStartResponse.{key}": value for key, value in snap_start.items()}
    return Resource(name, attributes)


def _code(properties: Properties) -> dict[str, Any]:
    """The code as the API takes it."""
    code = dict(properties["Code"])
    if "ZipFile" in code:
        code["ZipFile"] = zip_of_source(code["ZipFile"], properties.get("Runtime", ""))
    return code


def _refuse_not_offered(properties: Properties) -> None:
    for name in NOT_OFFERED:
        if properties.get(name):
            raise CallRefused("InvalidParameterValueException", f"Headwater does not offer {name}.")


def _change_concurrency(lambda_: Lambda, name: str, before: Properties, after: Properties) -> None:
    old, new = (each.get("ReservedConcurrentExecutions") for each in (before, after))
    if old == new:
        return
    if new is None:
        lambda_("DeleteFunctionConcurrency", FunctionName=name)
    else:
        lambda_("PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=new)


# Versions


def publish_version(lambda_: Lambda, _name: str, properties: Properties) -> Resource:
    """A version of its own: one that was there before belongs to somebody else. Raises CallRefused."""
    _refuse_not_offered(properties)
    function = properties["FunctionName"]
    lambda_.function(function)
    present = {shown["Version"] for shown in _versions(lambda_, function)}
    shown = lambda_(
        "PublishVersion",
        FunctionName=function,
        CodeSha256=properties.get("CodeSha256"),
        Description=properties.get("Description"),
    )
    if shown["Version"] in present:
        raise CallRefused(
            "ResourceConflictException",
            f"A version for this Lambda function exists ( {shown['Version']} ). "
            "Modify the function to create a new version.",
        )
    arn = shown["FunctionArn"]
    return Resource(arn, {"FunctionArn": arn, "Version": shown["Version"]})


def _versions(lambda_: Lambda, function: str) -> list[dict[str, Any]]:
    versions: list[dict[str, Any]] = []
    marker = None
    while True:
        page = lambda_("ListVersionsByFunction", FunctionName=function, Marker=marker)
        versions += page["Versions"]
        marker = page.get("NextMarker")
        if marker is None:
            return versions


def delete_version(lambda_: Lambda, version: Resource) -> None:
    """One version; its function goes on."""
    function, _, number = version.identifier.rpartition(":")
    lambda_.gone("DeleteFunction", FunctionName=function, Qualifier=number)


# Aliases


def create_alias(lambda_: Lambda, _name: str, properties: Properties) -> Resource:
    """A name for a version."""
    lambda_.function(properties["FunctionName"])
    shown = lambda_(
        "CreateAlias",
        FunctionName=properties["FunctionName"],
        Name=properties["Name"],
        FunctionVersion=properties["FunctionVersion"],
        Description=properties.get("Description"),
        RoutingConfig=_routing(properties),
    )
    return Resource(shown["AliasArn"], {"AliasArn": shown["AliasArn"]})


def update_alias(lambda_: Lambda, alias: Resource, _before: Properties, after: Properties) -> Resource:
    """Another version, description, or other weights."""
    function, _, name = alias.identifier.rpartition(":")
    lambda_(
        "UpdateAlias",
        FunctionName=function,
        Name=name,
        FunctionVersion=after["FunctionVersion"],
        Description=after.get("Description", ""),
        RoutingConfig=_routing(after),
    )
    return alias


def delete_alias(lambda_: Lambda, alias: Resource) -> None:
    """The name alone."""
    function, _, name = alias.identifier.rpartition(":")
    lambda_.gone("DeleteAlias", FunctionName=function, Name=name)


def _routing(properties: Properties) -> dict[str, Any]:
    weights = (properties.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or ()
    return {
        "AdditionalVersionWeights": {
            each["FunctionVersion"]: float(each["FunctionWeight"]) for each in weights
        }
    }


# Permissions


def add_permission(lambda_: Lambda, name: str, properties: Properties) -> Resource:
    """A statement; which function it is about is kept with its attributes, to remove it."""
    statement_id = shortened(name, STATEMENT_LENGTH_MAX)
    lambda_("AddPermission", StatementId=statement_id, **properties)
    return Resource(statement_id, {"Id": statement_id, "FunctionName": properties["FunctionName"]})


def remove_permission(lambda_: Lambda, permission: Resource) -> None:
    """The statement alone."""
    function = permission.attributes["FunctionName"]
    lambda_.gone("RemovePermission", FunctionName=function, StatementId=permission.identifier)


# Event source mappings


def create_mapping(lambda_: Lambda, _name: str, properties: Properties) -> Resource:
    """A mapping, once it has come to rest."""
    members = {key: properties[key] for key in (*MAPPING_SOURCE, *MAPPING_OPTIONS) if key in properties}
    members["Tags"] = _tags(properties) or None
    lambda_.function(properties["FunctionName"])
    shown = lambda_("CreateEventSourceMapping", **_renamed(members))
    lambda_.mapping(shown["UUID"])
    arn = shown["EventSourceMappingArn"]
    return Resource(shown["UUID"], {"Id": shown["UUID"], "EventSourceMappingArn": arn})


def update_mapping(lambda_: Lambda, mapping: Resource, before: Properties, after: Properties) -> Resource:
    """What differs; the mapping reads on where it is. Raises CallRefused."""
    uuid = mapping.identifier
    lambda_.mapping(uuid)
    for name in MAPPING_CHANGES_ELSEWHERE:
        if after.get(name):
            raise CallRefused("InvalidParameterValueException", f"Unsupported {name} parameter for a stream.")
    changes = _changes(MAPPING_OPTIONS, before, after)
    if changes:
        lambda_("UpdateEventSourceMapping", UUID=uuid, **_renamed(changes))
        lambda_.mapping(uuid)
    _change_tags(lambda_, mapping.attributes["EventSourceMappingArn"], before, after)
    return mapping


def delete_mapping(lambda_: Lambda, mapping: Resource) -> None:
    """And wait until it is gone, so that its function and stream may go."""
    uuid = mapping.identifier
    try:
        lambda_.mapping(uuid)
    except CallRefused as error:
        if error.code != NOT_FOUND:
            raise
        return
    if not lambda_.gone("DeleteEventSourceMapping", UUID=uuid):
        at_rest(uuid, lambda: {} if lambda_.gone("GetEventSourceMapping", UUID=uuid) else None)


# What they share


def keep(_lambda: Lambda, resource: Resource, _before: Properties, _after: Properties) -> Resource:
    """There is nothing to change: what is not create-only has no meaning here."""
    return resource


def _changes(defaults: Mapping[str, Any], before: Properties, after: Properties) -> dict[str, Any]:
    return {
        name: after.get(name, default)
        for name, default in defaults.items()
        if before.get(name) != after.get(name)
    }


def _renamed(members: Mapping[str, Any]) -> dict[str, Any]:
    return {RENAMED.get(name, name): value for name, value in members.items()}


def _tags(properties: Properties) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in properties.get("Tags", ())}


def _change_tags(lambda_: Lambda, arn: str, before: Properties, after: Properties) -> None:
    old, new = _tags(before), _tags(after)
    gone = sorted(old.keys() - new.keys())
    if gone:
        lambda_("UntagResource", Resource=arn, TagKeys=gone)
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    if changed:
        lambda_("TagResource", Resource=arn, Tags=changed)


SNAP_START = "SnapStartResponse"
FUNCTION_ATTRIBUTES = frozenset(
    {"Arn", SNAP_START, f"{SNAP_START}.ApplyOn", f"{SNAP_START}.OptimizationStatus"}
)

FUNCTION_TYPES: dict[str, ResourceType] = {
    "AWS::Lambda::Alias": ResourceType(
        frozenset({"AliasArn"}), "", create_alias, update_alias, delete_alias, current_lambda
    ),
    "AWS::Lambda::EventSourceMapping": ResourceType(
        frozenset({"EventSourceMappingArn", "Id"}),
        "",
        create_mapping,
        update_mapping,
        delete_mapping,
        current_lambda,
    ),
    "AWS::Lambda::Function": ResourceType(
        FUNCTION_ATTRIBUTES, "FunctionName", create_function, update_function, delete_function, current_lambda
    ),
    "AWS::Lambda::Permission": ResourceType(
        frozenset({"Id"}), "", add_permission, keep, remove_permission, current_lambda
    ),
    "AWS::Lambda::Version": ResourceType(
        frozenset({"FunctionArn", "Version"}), "", publish_version, keep, delete_version, current_lambda
    ),
}
"""The types that live in Headwater's Lambda."""
