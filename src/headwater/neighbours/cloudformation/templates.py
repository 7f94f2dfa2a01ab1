"""A stack's template: its text to a document that can be deployed, or CloudFormation's error.

Rules:
- YAML is read with nothing but CloudFormation's own tags: no text from a request makes objects;
- `AWS::Serverless` is expanded by AWS's own translator;
- `Fn::GetAtt` with one text is the same as with two;
- unknown types, and references to what is not there, are found before anything is made.

Refuses to know what is deployed already.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from headwater.neighbours.cloudformation.published_schemas import is_known

SERVERLESS = "AWS::Serverless-2016-10-31"
LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"
SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Globals",
        "Hooks",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
        "Transform",
    }
)
_REFERENCE = re.compile(r"\$\{([^!${}][^${}]*)\}")

Template = dict[str, Any]


class TemplateInvalid(Exception):
    """A fault of a template, as CloudFormation words it."""


class _TemplateLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """YAML with the short forms of CloudFormation's functions."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_TemplateLoader.add_multi_constructor("!", _short_form)
_TemplateLoader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
"""A date, such as the version of a policy, is a text."""


def parse(text: str) -> Template:
    """The document as it is written. Raises `TemplateInvalid`."""
    try:
        template = json.loads(text)
    except ValueError:
        try:
            template = yaml.load(text, Loader=_TemplateLoader)  # noqa: S506 - a SafeLoader of our own
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise TemplateInvalid(f"Template format error: YAML not well-formed. {error}") from None
    if not isinstance(template, dict):
        raise TemplateInvalid("Template format error: unsupported structure.")
    for part in parts(template):
        named = part.get("Fn::GetAtt")
        if isinstance(named, str):
            part["Fn::GetAtt"] = named.split(".", 1)
    return template


def parts(document: Any) -> Iterator[dict[str, Any]]:
    """Every map in a part of a template, each once: what a YAML alias repeats is one and the same."""
    seen: set[int] = set()
    waiting: list[Any] = [document]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or not isinstance(part, dict | list):
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            yield part
        waiting.extend(part.values() if isinstance(part, dict) else part)


def read(text: str, parameters: Mapping[str, Any], region: str) -> Template:
    """The document as it is deployed. Raises `TemplateInvalid`."""
    template = parse(text)
    unknown = [name for name in template if name not in SECTIONS]
    if unknown:
        raise TemplateInvalid(f"Invalid template property or properties [{', '.join(map(str, unknown))}]")
    loops = [key for part in parts(template) for key in part if str(key).startswith("Fn::ForEach")]
    if loops:
        raise TemplateInvalid(f"{loops[0]}: Headwater does not expand Fn::ForEach of {LANGUAGE_EXTENSIONS}.")
    resources = template.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise TemplateInvalid("Template format error: At least one Resources member must be defined.")
    for name, resource in resources.items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise TemplateInvalid(
                f"Template format error: [/Resources/{name}] Every Resources object must contain a Type "
                "member."
            )
    if _has_serverless(template):
        template = _expanded(template, parameters, region)
    _check_types(template)
    _check_references(template)
    return template


def dependencies(template: Template) -> dict[str, set[str]]:
    """The resources that must be made before each resource."""
    resources = template["Resources"]
    needs = {}
    for name, resource in resources.items():
        named = resource.get("DependsOn", ())
        needs[name] = {named} if isinstance(named, str) else set(named)
        needs[name] |= set(_references(resource.get("Properties", {}))) & resources.keys()
    return needs


def in_order(template: Template) -> list[str]:
    """The resources, each after those that it needs. Raises `TemplateInvalid` for a circle."""
    needs = dependencies(template)
    ordered: dict[str, None] = {}
    while len(ordered) < len(needs):
        ready = [name for name in needs if name not in ordered and needs[name] <= ordered.keys()]
        if not ready:
            circle = ", ".join(name for name in needs if name not in ordered)
            raise TemplateInvalid(f"Circular dependency between resources: [{circle}]")
        ordered.update(dict.fromkeys(ready))
    return list(ordered)


def _references(value: Any) -> Iterator[str]:
    """The names that a part of a template refers to."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref" and isinstance(inner, str):
                yield inner
            elif key == "Fn::GetAtt" and isinstance(inner, list | str):
                yield str(inner.split(".")[0] if isinstance(inner, str) else inner[0])
            elif key == "Fn::Sub":
                yield from _references_of_sub(inner)
            else:
                yield from _references(inner)


def _references_of_sub(value: Any) -> Iterator[str]:
    text, own = (value[0], value[1]) if isinstance(value, list) and len(value) == 2 else (value, {})
    yield from _references(own)
    for name in _REFERENCE.findall(text if isinstance(text, str) else ""):
        if name not in own:
            yield name.strip().split(".")[0]


def _check_types(template: Template) -> None:
    types = dict.fromkeys(resource["Type"] for resource in template["Resources"].values())
    unknown = [name for name in types if not is_known(name)]
    if unknown:
        raise TemplateInvalid(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")


def _check_references(template: Template) -> None:
    known = {*template["Resources"], *(template.get("Parameters") or {})}
    for section in ("Resources", "Outputs"):
        absent = [
            name
            for name in dict.fromkeys(_references(template.get(section) or {}))
            if name not in known and not name.startswith("AWS::")
        ]
        if absent:
            raise TemplateInvalid(
                f"Template format error: Unresolved resource dependencies [{', '.join(absent)}] "
                f"in the {section} block of the template"
            )
    for name, needed in dependencies(template).items():
        if not needed <= template["Resources"].keys():
            raise TemplateInvalid(
                f"Template format error: Resource {name} depends on what is not in the template: "
                f"{', '.join(sorted(needed - template['Resources'].keys()))}"
            )
    in_order(template)


def _has_serverless(template: Template) -> bool:
    transform = template.get("Transform", ())
    return SERVERLESS in ([transform] if isinstance(transform, str) else transform)


def _expanded(template: Template, parameters: Mapping[str, Any], region: str) -> Template:
    # Only such templates need it, and importing it takes as long as all else here.
    from boto3 import Session  # noqa: PLC0415
    from samtranslator.model.exceptions import InvalidDocumentException  # noqa: PLC0415
    from samtranslator.parser.parser import Parser  # noqa: PLC0415
    from samtranslator.translator.translator import Translator  # noqa: PLC0415

    translator = Translator({}, Parser(), boto_session=Session(region_name=region))
    try:
        expanded: Template = translator.translate(template, dict(parameters))
    except InvalidDocumentException as error:
        reasons = " ".join(cause.message for cause in error.causes)
        raise TemplateInvalid(f"Transform {SERVERLESS} failed with: {error.message} {reasons}") from None
    finally:
        translator.metrics.publish()  # to nobody; it would complain in the log about what it has counted
    expanded.pop("Transform", None)
    return expanded
