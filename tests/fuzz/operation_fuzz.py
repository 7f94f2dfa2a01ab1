"""An operation tried with valid, almost valid and hostile requests, in JSON and CBOR alike.

Rules:
- never a 500, and no line in the log that tells of a fault;
- every error is one that the operation, or every operation, may answer;
- what is refused changes nothing;
- both formats get the same verdict, and the same answer;
- a success has the model's shape.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from headwater.api.operation import OPERATIONS
from headwater.api.validation.api_model import api_model
from tests.fuzz.request_shapes import (
    ANYTHING,
    almost_valid_requests,
    hostile_requests,
    valid_requests,
)
from tests.fuzz.twin_servers import MemoryServer, TwinServers, Verdict, allowed_errors, cbor_body, json_body

OFFERED = sorted(name for name, operation in OPERATIONS.items() if operation.handler is not None)


class Fuzzed:
    """The servers that an operation is tried on; made anew when a success may have changed them."""

    def __init__(self, operation: str, twins: TwinServers | None = None) -> None:
        self._operation = operation
        self.twins = twins or TwinServers()
        self.known = self.twins.known
        self.good = self.twins.good[operation]

    def try_document(self, document: dict[str, Any]) -> Verdict:
        """Hold what both servers say to a document against all that must hold."""
        in_json = self.try_body(self.twins.json, json_body(document))
        body = cbor_body(document)
        if body is None:
            self._renew(in_json)
            return in_json
        in_cbor = self.try_body(self.twins.cbor, body)
        assert (in_json.status, in_json.error) == (in_cbor.status, in_cbor.error), (in_json, in_cbor)
        if in_json.error != "SerializationException":  # whose text tells of the format's own types
            assert in_json.answer == in_cbor.answer
        self._renew(in_json)
        return in_json

    def try_bytes(self, body: bytes) -> None:
        """Hold what each server says to bytes against all that must hold for it."""
        for server in (self.twins.json, self.twins.cbor):
            self._renew(self.try_body(server, body))

    def try_body(self, server: MemoryServer, body: bytes) -> Verdict:
        before = server.state()
        verdict = server.send(self._operation, body)
        assert verdict.status in {200, 400}, (verdict, server.faults)
        assert not server.faults
        if verdict.error is None:
            output = api_model().operations[self._operation].output
            if output is not None and self._operation != "SubscribeToShard":
                check_shape(output, verdict.answer)
            return verdict
        assert verdict.error in allowed_errors(self._operation), verdict
        assert server.state() == before, f"{verdict} has changed something"
        return verdict

    def _renew(self, verdict: Verdict) -> None:
        if verdict.error is None and not self._operation.startswith(("Describe", "Get", "List", "Subscribe")):
            self.twins = TwinServers()
            assert self.twins.known == self.known


def check_shape(shape_name: str, value: Any) -> None:
    """An answer has the members that the model says, and all that it must have."""
    shape = api_model().shapes[shape_name]
    match shape.type:
        case "structure":
            assert isinstance(value, dict)
            assert shape.required <= value.keys() <= shape.members.keys(), (shape_name, value)
            for name, member in value.items():
                check_shape(shape.members[name], member)
        case "list":
            assert isinstance(value, list)
            for item in value:
                check_shape(shape.member, item)
        case "map" | "string" | "blob":
            assert isinstance(value, dict if shape.type == "map" else str)
            assert not shape.enum or value in shape.enum, (shape_name, value)
        case "boolean":
            assert isinstance(value, bool)
        case _:
            assert isinstance(value, int | float)


def fuzz(
    operation: str, examples: int, first_seed: int = 20131202, unchanged: TwinServers | None = None
) -> TwinServers:
    """Try an operation with so many requests of each kind; gives servers that nothing has changed."""
    fuzzed = Fuzzed(operation, unchanged)
    assert fuzzed.try_document(fuzzed.good).error is None
    often = settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )

    @seed(first_seed)
    @often
    @given(valid_requests(operation, fuzzed.known))
    def valid(document: dict[str, Any]) -> None:
        fuzzed.try_document(document)

    @seed(first_seed)
    @often
    @given(
        almost_valid_requests(operation, fuzzed.known, fuzzed.good)
        | hostile_requests(operation, fuzzed.known),
    )
    def invalid(document: dict[str, Any]) -> None:
        fuzzed.try_document(document)

    @seed(first_seed)
    @settings(often, max_examples=max(3, examples // 5))
    @given(ANYTHING | st.binary(max_size=4), st.integers(0, 2))
    def hostile(document: Any, cut: int) -> None:
        body = json.dumps(document, default=repr).encode()
        fuzzed.try_bytes(body[: len(body) - cut])
        encoded = cbor_body({"StreamName": document})
        if encoded is not None:
            fuzzed.try_bytes(encoded[: len(encoded) - cut])

    valid()
    invalid()
    hostile()
    return fuzzed.twins
