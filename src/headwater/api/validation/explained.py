"""A request of Kinesis step by step: its types checked, then its constraints.

Loaded for the first request that `request_types` leaves.
"""

from __future__ import annotations

from typing import Any

from headwater.api.validation.api_model import api_model
from headwater.api.validation.constraint_failures import validation_text
from headwater.api.validation.member_order import enum_in_order, members_in_order
from headwater.api.validation.needed_members import needed_members
from headwater.api.validation.service_shapes import ServiceShapes
from headwater.api.validation.type_checks import typed_structure
from headwater.model.errors import ValidationException

KINESIS = ServiceShapes(
    lambda: api_model().shapes,
    members_in_order,
    enum_in_order,
    needed_members,
    java_package="com.amazonaws.kinesis.v20131202",
)


def checked(shape_name: str, document: dict[str, object]) -> dict[str, Any]:
    """The members of a document. Raises `SerializationException` and `ValidationException`."""
    members = typed_structure(KINESIS, shape_name, document)
    text = validation_text(KINESIS, shape_name, members)
    if text is not None:
        raise ValidationException(text)
    return members
