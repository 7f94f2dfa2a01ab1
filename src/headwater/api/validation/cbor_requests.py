"""From a request's body in CBOR to its struct, or to AWS's error: as `constraints` does it for JSON.

Refuses to know anything of the API's own: what it cannot read in one step `constraints` does.
"""

from __future__ import annotations

from typing import Any

from headwater.api.validation import request_types
from headwater.api.validation.constraints import WITH_RECORDS, accept_document
from headwater.wire import cbor_format, cbor_repacking


def accept_cbor(operation_name: str, body: bytes) -> Any:
    """The request in a CBOR body, as `constraints.accept`."""
    if operation_name in WITH_RECORDS:
        from headwater.api.validation import written_records  # noqa: PLC0415 - for the first who puts many

        request = written_records.read_cbor(operation_name, body)
    else:
        packed = cbor_repacking.repack(body)
        request = None if packed is None else request_types.read_packed(operation_name, packed)
    return accept_document(operation_name, cbor_format.decode(body)) if request is None else request
