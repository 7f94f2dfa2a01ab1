"""From a request's body in CBOR to its struct, or to AWS's error: as `constraints` does it for JSON.

Refuses to know anything of the API's own: what it cannot read in one step `constraints` does.
"""

from __future__ import annotations

from typing import Any

from headwater.api.validation import request_types
from headwater.api.validation.constraints import accept_document
from headwater.wire import cbor_columns, cbor_format, cbor_repacking


def accept_cbor(operation_name: str, body: bytes) -> Any:
    """The request in a CBOR body, as `constraints.accept`."""
    taken = cbor_columns.take_records(body) if request_types.has_records(operation_name) else None
    if taken is not None:
        first_alone = _read(operation_name, taken.rest)
        request = request_types.with_records(operation_name, first_alone, taken.records)
        if request is not None:
            return request
    request = _read(operation_name, body)
    return accept_document(operation_name, cbor_format.decode(body)) if request is None else request


def _read(operation_name: str, body: bytes) -> Any:
    packed = cbor_repacking.repack(body)
    return None if packed is None else request_types.read_packed(operation_name, packed)
