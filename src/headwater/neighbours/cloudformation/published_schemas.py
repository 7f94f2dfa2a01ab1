"""The published schemas of CloudFormation's resource types, and properties held against them.

The schemas are cfn-lint's, which moto brings, and `ADDED`. What is looked at is what CloudFormation
refuses before it asks a service: members that there are not, required ones that are absent, values
that are none of an enumeration. A text that stands for a number or a truth value becomes one, as
CloudFormation has it.

Refuses to know how a resource is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from headwater.neighbours.cloudformation.bare_package import bare_package
from headwater.neighbours.cloudformation.queue_schema import QUEUE_SCHEMA, QUEUE_TYPE

with bare_package("cfnlint"):  # the rest of it is the linter, with a second and 100 MiB of mathematics
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

SCHEMA_REGION = "us-east-1"
"""Where every type is to be had."""
UNPUBLISHED_PREFIXES = ("Custom::", "AWS::Serverless::")
UNPUBLISHED = frozenset({"AWS::CloudFormation::CustomResource", "AWS::CDK::Metadata"})

Schema = Mapping[str, Any]

ADDED: Mapping[str, Schema] = {QUEUE_TYPE: QUEUE_SCHEMA}
"""Types that AWS has; cfn-lint's own schema comes first when there is one."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?", re.ASCII)


class PropertiesInvalid(Exception):
    """The faults of a resource's properties, a line each, as CloudFormation words it."""


def is_known(type_name: str) -> bool:
    """Whether AWS has this type."""
    if type_name in UNPUBLISHED or type_name.startswith(UNPUBLISHED_PREFIXES):
        return True
    return type_name in ADDED or _is_listed(type_name)


def _is_listed(type_name: str) -> bool:
    return type_name in PROVIDER_SCHEMA_MANAGER.get_resource_types(SCHEMA_REGION)


def replacing(type_name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
    """The properties that change, or have a part that does, so that another resource is needed."""
    paths = [_steps(path) for path in _schema(type_name).get("createOnlyProperties", ())]
    return frozenset(steps[0] for steps in paths if _part(before, steps) != _part(after, steps))


def _steps(path: str) -> list[str]:
    return [step for step in path.split("/") if step not in ("", "properties")]


def _part(value: Any, steps: list[str]) -> Any:
    for step in steps:
        if not isinstance(value, Mapping):
            return value  # a list is looked at on the whole
        value = value.get(step)
    return value


def readable(type_name: str) -> frozenset[str]:
    """The attributes that a type has for `Fn::GetAtt`, nested ones with a point."""
    paths = _schema(type_name).get("readOnlyProperties", ())
    return frozenset(path.removeprefix("/properties/").replace("/", ".") for path in paths)


def with_tags(type_name: str, properties: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """The properties with the tags of a stack behind their own, as a list or a map, if the type has tags."""
    schema = _schema(type_name)
    tagging = schema.get("tagging", {})
    if not tags or not tagging.get("taggable") or tagging.get("tagProperty") != "/properties/Tags":
        return dict(properties)
    if _resolved(schema, schema["properties"]["Tags"]).get("type") == "object":
        return {**properties, "Tags": {**tags, **properties.get("Tags", {})}}
    all_tags = {**tags, **{tag["Key"]: tag["Value"] for tag in properties.get("Tags", ())}}
    return {**properties, "Tags": [{"Key": key, "Value": value} for key, value in all_tags.items()]}


def checked(type_name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties in the types of the schema. Raises `PropertiesInvalid`."""
    schema = _schema(type_name)
    if not schema:
        return dict(properties)
    given_only = {name for name in readable(type_name) if name in properties}
    faults = [f"#: extraneous key [{name}] is not permitted" for name in sorted(given_only)]
    faults += _faults(schema, schema, properties, "#")
    if faults:
        raise PropertiesInvalid("\n".join(faults))
    typed: dict[str, Any] = _typed(schema, schema, properties)
    return typed


def _schema(type_name: str) -> Schema:
    if type_name.startswith(UNPUBLISHED_PREFIXES) or type_name in UNPUBLISHED:
        return {}
    if type_name in ADDED and not _is_listed(type_name):
        return ADDED[type_name]
    schema: Schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(SCHEMA_REGION, type_name).schema
    return schema


def _resolved(root: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        found: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def _faults(root: Schema, schema: Schema, value: Any, path: str) -> Iterator[str]:
    schema = _resolved(root, schema)
    if isinstance(value, Mapping) and "properties" in schema:
        yield from _faults_of_members(schema, value, path)
        for name, member in schema["properties"].items():
            if name in value:
                yield from _faults(root, member, value[name], f"{path}/{name}")
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _faults(root, schema["items"], item, f"{path}/{index}")
    elif "enum" in schema and isinstance(value, str) and value not in schema["enum"]:
        yield f"{path}: {value} is not a valid enum value"
    elif schema.get("type") == "integer" and _whole_number(value) is None:
        yield f"{path}: expected type: Integer, found: {type(value).__name__.title()}"
    elif schema.get("type") == "number" and _number(value) is None:
        yield f"{path}: expected type: Number, found: {type(value).__name__.title()}"


def _faults_of_members(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[str]:
    if schema.get("additionalProperties") is False:
        members, patterns = schema["properties"], schema.get("patternProperties", {})
        for name in value:
            if name not in members and not any(re.search(pattern, name) for pattern in patterns):
                yield f"{path}: extraneous key [{name}] is not permitted"
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}: required key [{name}] not found"


def _typed(root: Schema, schema: Schema, value: Any) -> Any:
    schema = _resolved(root, schema)
    if isinstance(value, Mapping):
        members = schema.get("properties", {})
        return {name: _typed(root, members.get(name, {}), each) for name, each in value.items()}
    if isinstance(value, list):
        return [_typed(root, schema.get("items", {}), each) for each in value]
    return _scalar(schema.get("type"), value)


def _scalar(kind: Any, value: Any) -> Any:
    if kind in _NUMBERS:
        return _NUMBERS[kind](value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "string" and isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


def _number(value: Any) -> int | float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    whole = _whole_number(value)
    return _fraction(value) if whole is None else whole


def _fraction(value: Any) -> float | None:
    return value if isinstance(value, float) else None


def _whole_number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    return int(value) if isinstance(value, int | float) and int(value) == value else None


_NUMBERS = {"integer": _whole_number, "number": _number}
