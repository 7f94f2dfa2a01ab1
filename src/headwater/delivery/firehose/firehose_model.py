"""The facts of the Firehose API model, typed: operations and shapes.

The facts are in `firehose_model.json`, which `scripts/generate_firehose_model.py` writes. They are read
once, at first use. This module adds nothing to them and knows nothing of requests.
"""

from __future__ import annotations

from functools import lru_cache
from pkgutil import get_data

import msgspec

from headwater.api.validation.api_model import Shape
from headwater.api.validation.service_shapes import shapes_in_order

ENDPOINT_URL = "https?://.*"
"""AWS delivers to `https` only; an endpoint on one's own machine seldom has a certificate."""


class FirehoseOperation(msgspec.Struct, frozen=True):
    """One operation and the shape of its request."""

    input: str


class FirehoseModel(msgspec.Struct, frozen=True):
    """All operations and shapes by name."""

    botocore: str
    """The version of botocore that the facts were taken from."""
    api_version: str
    operations: dict[str, FirehoseOperation]
    shapes: dict[str, Shape]


@lru_cache(maxsize=1)
def firehose_model() -> FirehoseModel:
    """The model, read at the first call."""
    facts = get_data(__package__, "firehose_model.json")
    assert facts is not None, "the file of facts is part of the package"
    model = msgspec.json.decode(facts, type=FirehoseModel)
    url = msgspec.structs.replace(model.shapes["HttpEndpointUrl"], pattern=ENDPOINT_URL)
    return msgspec.structs.replace(model, shapes={**model.shapes, "HttpEndpointUrl": url})


FIREHOSE = shapes_in_order(lambda: firehose_model().shapes, "com.amazonaws.services.firehose.model")
