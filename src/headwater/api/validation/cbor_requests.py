"""From a request's body in CBOR to its struct, or to AWS's error: as `constraints` does it for JSON.

Refuses to know anything of the API's own: what it cannot read in one step `constraints` does.
"""

from __future__ import annotations

from typing import Any

from headwater.api.validation import request_types
from headwater.api.validation.constraints import WITH_RECORDS, accept_document
from headwater.wire import cbor_columns, cbor_format, cbor_repacking


def accept_cbor(operation_name: str, body: bytes) -> Any:
    """The request in a CBOR body, as `constraints.accept`."""
    request = _read_records(operation_name, body) if operation_name in WITH_RECORDS else None
    if request is None:
        request = _read(operation_name, body)
    return accept_document(operation_name, cbor_format.decode(body)) if request is None else request


def _read_records(operation_name: str, body: bytes) -> Any:
    """As `written_records.read`, where all records are taken out of the body."""
    taken = cbor_columns.take_records(body)
    if taken is None:
        return None
    from headwater.api.validation import written_records  # noqa: PLC0415 - for the first who puts many

    return written_records.with_records(_read(operation_name, taken.rest), taken.records)


def _read(operation_name: str, body: bytes) -> Any:
    packed = cbor_repacking.repack(body)
    return None if packed is None else request_types.read_packed(operation_name, packed)
