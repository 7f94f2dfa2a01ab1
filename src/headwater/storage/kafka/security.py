"""The security of connections to brokers: clear text or TLS, with or without SASL.

Refuses to know connections, and where the password comes from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from headwater.storage.interface import StoreUnavailable

if TYPE_CHECKING:
    import ssl


class BrokerSecurity(NamedTuple):
    """What a connection to a broker begins with."""

    protocol: str = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    mechanism: str = "SCRAM-SHA-512"
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; without effect where there is no SASL."""
    username: str | None = None
    password: str | None = None
    ca: Path | None = None
    """The file of the authority that has signed the brokers' certificates, if the system does not know it."""

    def obstacle(self, error: Exception) -> str:
        """What keeps from speaking to a broker, in words; and what may be wrong where somebody is there."""
        from ssl import SSLError  # noqa: PLC0415 - few servers speak to a broker

        if isinstance(error, TimeoutError):
            text = "no answer"
        elif isinstance(error, ConnectionResetError) or not isinstance(error, OSError):
            text = "the connection was ended"
        elif isinstance(error, SSLError):
            text = error.strerror or "no TLS"
        else:  # nobody is there
            return error.strerror or type(error).__name__
        return f"{text} (does Kafka listen there, and for {self.protocol}?)"

    def tls(self) -> ssl.SSLContext | None:
        """What verifies the brokers; `None` in clear text. Raises `StoreUnavailable`."""
        if not self.protocol.endswith("SSL"):
            return None
        from ssl import create_default_context  # noqa: PLC0415 - few servers speak to a broker

        try:
            return create_default_context(cafile=None if self.ca is None else str(self.ca))
        except OSError as error:
            raise StoreUnavailable(f"{self.ca} cannot be used to verify brokers: {error}") from error
