"""The TLS settings of a server, from files that hold its certificate and key.

Refuses to know where these come from: a user's own, or `local_ca`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

PROTOCOLS = ["h2", "http/1.1"]
"""What is offered by ALPN, the better one first."""


class TlsError(Exception):
    """TLS cannot be offered. The message is for the person who started the server."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Load a certificate (and those that lead to its authority) and its key. Raises `TlsError`."""
    import ssl  # noqa: PLC0415 - a tenth of a server's memory, which one without TLS does not need

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(PROTOCOLS)
    for path in (certificate, key):
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise TlsError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise TlsError(f"{certificate} and {key} are not a certificate and its key: {reason}") from error
    return context


def _no_password() -> bytes:
    raise ValueError("the key is encrypted")
