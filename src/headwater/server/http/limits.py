"""What one connection may use, whatever version of HTTP it speaks, and how it is refused more.

Refuses to know how a request travels.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headwater.server.http.exchange import Refusal

HEADER_COUNT_LIMIT = 100

MALFORMED = Refusal(400, "MalformedHttpRequestException", "The request is not valid HTTP.")
TOO_SLOW = Refusal(408, "RequestTimeoutException", "The request did not arrive in time.")


class ConnectionLimits(msgspec.Struct, frozen=True):
    """The limits of every connection of a server."""

    header_bytes: int = 32 * 1024
    body_bytes: int = 16 * 1024 * 1024
    upload_bytes: int = 0
    """The same for a request that is no operation's by its head, such as an upload to a neighbouring S3."""
    idle_timeout_s: float = 300.0
    request_timeout_s: float = 60.0
    large_bodies: tuple[tuple[bytes, int], ...] = ()
    """Beginnings of targets whose bodies may be larger, and how large."""

    def header_too_large(self) -> Refusal:
        """Why a request is refused whose headers are more than these limits allow."""
        text = f"The request's headers are larger than {self.header_bytes} bytes or too many."
        return Refusal(431, "RequestHeaderSectionTooLargeException", text)

    def body_bytes_of(self, target: bytes, headers: Mapping[bytes, bytes]) -> int:
        """How large the body of a request with this head may be."""
        if b"x-amz-target" in headers:
            return self.body_bytes
        larger = (limit for beginning, limit in self.large_bodies if target.startswith(beginning))
        return max(self.body_bytes, self.upload_bytes, *larger)

    def body_too_large(self, limit_bytes: int | None = None) -> Refusal:
        """Why a request is refused whose body is more than these limits allow."""
        text = f"The request's body is larger than {limit_bytes or self.body_bytes} bytes."
        return Refusal(413, "RequestEntityTooLargeException", text)
