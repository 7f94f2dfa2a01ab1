"""The facts of the Lambda API model, typed: operations with their places in HTTP, and shapes.

The facts are in `lambda_model.json`, which `scripts/generate_lambda_model.py` writes. They are
read once, at first use. This module adds nothing to them and knows nothing of requests.
"""

from __future__ import annotations

from functools import lru_cache
from pkgutil import get_data

import msgspec

from headwater.api.validation.api_model import Shape
from headwater.api.validation.service_shapes import shapes_in_order

OBSERVED_ENUMS: dict[str, tuple[str, ...]] = {
    "EventSourcePosition": ("LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"),
}
"""Where the order of an enum's values in AWS's errors is not that of the model."""


class RestOperation(msgspec.Struct, frozen=True):
    """One operation: where it is called, and where the members of its request are."""

    method: str
    path: str
    """With the names of its variable parts in braces."""
    status: int = 0
    """Of the answer when all is well."""
    input: str = ""
    """The shape of the request; empty when the operation is not offered."""
    errors: tuple[str, ...] = ()
    uri: dict[str, str] = {}
    """Members that are parts of the path, and the names that these have there."""
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    payload: str | None = None
    """The member that is the whole body; without one, the body is a document of the other members."""


class LambdaModel(msgspec.Struct, frozen=True):
    """All operations by name, and the shapes of those that are offered."""

    botocore: str
    """The version of botocore that the facts were taken from."""
    api_version: str
    operations: dict[str, RestOperation]
    shapes: dict[str, Shape]


@lru_cache(maxsize=1)
def lambda_model() -> LambdaModel:
    """The model, read at the first call."""
    facts = get_data(__package__, "lambda_model.json")
    assert facts is not None, "the file of facts is part of the package"
    return msgspec.json.decode(facts, type=LambdaModel)


LAMBDA = shapes_in_order(lambda: lambda_model().shapes, "com.amazonaws.lambda.model", OBSERVED_ENUMS)
