"""What one connection may use, whatever version of HTTP it speaks, and how it is refused more.

Refuses to know how a request travels.
"""

from __future__ import annotations

from dataclasses import dataclass

from headwater.server.exchange import Refusal

HEADER_COUNT_LIMIT = 100

MALFORMED = Refusal(400, "MalformedHttpRequestException", "The request is not valid HTTP.")
TOO_SLOW = Refusal(408, "RequestTimeoutException", "The request did not arrive in time.")


@dataclass(frozen=True)
class ConnectionLimits:
    """The limits of every connection of a server."""

    header_bytes: int = 32 * 1024
    body_bytes: int = 16 * 1024 * 1024
    idle_timeout_s: float = 300.0
    request_timeout_s: float = 60.0
    large_bodies: tuple[tuple[bytes, int], ...] = ()
    """Beginnings of targets whose bodies may be larger, and how large."""

    def header_too_large(self) -> Refusal:
        """Why a request is refused whose headers are more than these limits allow."""
        text = f"The request's headers are larger than {self.header_bytes} bytes or too many."
        return Refusal(431, "RequestHeaderSectionTooLargeException", text)

    def allows_body(self, size: int, target: bytes) -> bool:
        """Whether the body of a request to `target` may have `size` bytes."""
        return size <= self.body_bytes or any(
            size <= larger and target.startswith(beginning) for beginning, larger in self.large_bodies
        )

    def body_too_large(self) -> Refusal:
        """Why a request is refused whose body is more than these limits allow."""
        text = f"The request's body is larger than {self.body_bytes} bytes."
        return Refusal(413, "RequestEntityTooLargeException", text)
