"""The formats of a body: one row each, chosen by the request's content type.

The answer has the format of the request, errors and events too. A new format is a
module in `wire/` and a row here. What CBOR needs is imported with the first body that is CBOR.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from headwater.api.validation.constraints import accept
from headwater.model.errors import KinesisError
from headwater.server.http.exchange import Fields
from headwater.wire import error_format, json_format
from headwater.wire.long_body import Body


class WireFormat(msgspec.Struct):
    """How documents of one content type are read and written."""

    accept: Callable[[str, bytes], Any]
    """An operation's request from a body. Raises `SerializationException`, `ValidationException`."""
    decode: Callable[[bytes], dict[str, Any]]
    """Any document from a body. Raises `SerializationException`."""
    check: Callable[[bytes], None]
    """Raises `SerializationException` for what `decode` does not take, at less cost."""
    encode: Callable[[Mapping[str, object] | None], bytes]
    encode_body: Callable[[Mapping[str, object] | None], Body]
    """The same, in parts if it is long."""
    fields: Fields
    """The headers of an answer."""
    event_content_type: str
    """What an event of a stream says of its payload."""

    def write_error(self, error: KinesisError) -> tuple[int, bytes]:
        """Status and body of an error."""
        status, document = error_format.error_document(error)
        return status, self.encode(document)


def _at_first(name: str) -> Callable[..., Any]:
    """A function of the row of CBOR, until it is called: then the row has the real ones."""

    def bring_in(*arguments: Any) -> Any:
        from headwater.api.validation.cbor_requests import accept_cbor  # noqa: PLC0415 - see above
        from headwater.wire import cbor_format  # noqa: PLC0415 - see above

        AMZ_CBOR.accept, AMZ_CBOR.decode = accept_cbor, cbor_format.decode
        AMZ_CBOR.check, AMZ_CBOR.encode = cbor_format.check, cbor_format.encode
        AMZ_CBOR.encode_body = cbor_format.encode_body
        return getattr(AMZ_CBOR, name)(*arguments)

    return bring_in


AMZ_JSON = WireFormat(
    accept=accept,
    decode=json_format.decode,
    check=json_format.check,
    encode=json_format.encode,
    encode_body=json_format.encode_body,
    fields=(("Content-Type", "application/x-amz-json-1.1"),),
    event_content_type="application/json",
)
AMZ_CBOR = WireFormat(
    accept=_at_first("accept"),
    decode=_at_first("decode"),
    check=_at_first("check"),
    encode=_at_first("encode"),
    encode_body=_at_first("encode_body"),
    fields=(("Content-Type", "application/x-amz-cbor-1.1"),),
    event_content_type="application/cbor",
)

WIRE_FORMATS = {
    b"application/x-amz-json-1.1": AMZ_JSON,
    b"application/x-amz-cbor-1.1": AMZ_CBOR,
}

EMPTY_BODY_FORMATS = {b"application/x-amz-json-1.1": AMZ_JSON, b"": AMZ_CBOR}
"""How AWS answers a request without a body: in CBOR, unless it is JSON's own content type."""
