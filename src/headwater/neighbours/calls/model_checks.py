"""What a request to a neighbour breaks of its service's model, in AWS's words.

The model is botocore's. Checking and wording are the same as for Kinesis (`api.validation`); members are
looked at in the model's order.

Refuses to know what a service does otherwise, and rules that its model does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader

from headwater.api.validation.api_model import Shape
from headwater.api.validation.constraint_failures import validation_text
from headwater.api.validation.service_shapes import ServiceShapes, shapes_in_order
from headwater.api.validation.type_checks import typed_structure
from headwater.model.errors import SerializationException

KINDS = {"float": "double", "character": "string"}
"""Types that `Shape` knows by another name."""


def broken_constraints(service: str, operation: str, members: Mapping[str, Any]) -> str | None:
    """The text of an error about the members of a request; `None` when there is none."""
    shapes = _service_shapes(service)
    name = _model(service)["operations"][operation]["input"]["shape"]
    try:
        return validation_text(shapes, name, typed_structure(shapes, name, dict(members)))
    except SerializationException as error:
        return error.message


@cache
def _model(service: str) -> dict[str, Any]:
    model: dict[str, Any] = Loader().load_service_model(service, "service-2")
    return model


@cache
def _service_shapes(service: str) -> ServiceShapes:
    shapes = {name: _shape(facts) for name, facts in _model(service)["shapes"].items()}
    return shapes_in_order(lambda: shapes, f"com.amazonaws.{service}.model")


def _shape(facts: Mapping[str, Any]) -> Shape:
    kind = facts["type"]
    return Shape(
        KINDS.get(kind, kind),
        {name: member["shape"] for name, member in facts.get("members", {}).items()},
        frozenset(facts.get("required", ())),
        _part(facts, "member"),
        _part(facts, "key"),
        _part(facts, "value"),
        _bound(facts, "min"),
        _bound(facts, "max"),
        facts.get("pattern"),
        tuple(facts.get("enum", ())),
    )


def _part(facts: Mapping[str, Any], name: str) -> str:
    return str(facts.get(name, {}).get("shape", ""))


def _bound(facts: Mapping[str, Any], name: str) -> int | None:
    return None if facts.get(name) is None else int(facts[name])
