"""The formats of a body: one row each, chosen by the request's content type.

The answer has the format of the request, errors and events too. A new format is a
module in `wire/` and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from headwater.api.validation.constraints import accept, accept_cbor
from headwater.model.errors import KinesisError
from headwater.server.http.exchange import Fields
from headwater.wire import cbor_format, error_format, json_format


class WireFormat(NamedTuple):
    """How documents of one content type are read and written."""

    accept: Callable[[str, bytes], Any]
    """An operation's request from a body. Raises `SerializationException`, `ValidationException`."""
    decode: Callable[[bytes], dict[str, Any]]
    """Any document from a body. Raises `SerializationException`."""
    check: Callable[[bytes], None]
    """Raises `SerializationException` for what `decode` does not take, at less cost."""
    encode: Callable[[Mapping[str, object] | None], bytes]
    fields: Fields
    """The headers of an answer."""
    event_content_type: str
    """What an event of a stream says of its payload."""

    def write_error(self, error: KinesisError) -> tuple[int, bytes]:
        """Status and body of an error."""
        status, document = error_format.error_document(error)
        return status, self.encode(document)


AMZ_JSON = WireFormat(
    accept=accept,
    decode=json_format.decode,
    check=json_format.check,
    encode=json_format.encode,
    fields=(("Content-Type", "application/x-amz-json-1.1"),),
    event_content_type="application/json",
)
AMZ_CBOR = WireFormat(
    accept=accept_cbor,
    decode=cbor_format.decode,
    check=cbor_format.check,
    encode=cbor_format.encode,
    fields=(("Content-Type", "application/x-amz-cbor-1.1"),),
    event_content_type="application/cbor",
)

WIRE_FORMATS = {
    b"application/x-amz-json-1.1": AMZ_JSON,
    b"application/x-amz-cbor-1.1": AMZ_CBOR,
}

EMPTY_BODY_FORMATS = {b"application/x-amz-json-1.1": AMZ_JSON, b"": AMZ_CBOR}
"""How AWS answers a request without a body: in CBOR, unless it is JSON's own content type."""
