"""What TLS needs, by the configuration: the operator's own certificate, or an authority that is made here.

Making certificates needs a package that not every server needs, so it is loaded when it is asked for.
"""

from __future__ import annotations

import socket
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from headwater.config import Config, tls_folder
from headwater.server.http.listener import WILDCARDS
from headwater.server.http.tls import TlsError, server_context

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["TlsError", "ensure_ca", "open_tls", "own_names"]


def open_tls(config: Config) -> tuple[Path | None, SSLContext | None]:
    """The authority that clients must trust and the TLS settings, each None if there is none."""
    if config.tls_cert is not None and config.tls_key is not None:
        return None, server_context(config.tls_cert, config.tls_key)
    if not config.tls:
        return None, None
    folder = tls_folder(config)
    server = local_ca().ensure_server(folder, (*own_names(config), *config.tls_names))
    return ensure_ca(config), server_context(server, server)


def own_names(config: Config) -> tuple[str, ...]:
    """The names of this machine and of the address that is listened on."""
    bound = () if config.host in ("", *WILDCARDS) else (config.host,)
    return (*bound, socket.gethostname())


def ensure_ca(config: Config) -> Path:
    """The path of the server's own authority, which is made if there is none. Raises `TlsError`."""
    path: Path = local_ca().ensure_ca(tls_folder(config))
    return path


def local_ca() -> ModuleType:
    """The module that makes certificates, which needs what not every server needs. Raises TlsError."""
    try:
        from headwater.server.http import local_ca as module  # noqa: PLC0415
    except ImportError as error:
        raise TlsError(
            "--tls makes a certificate with the package `cryptography`: "
            "pip install 'headwater[tls]', or give --tls-cert and --tls-key"
        ) from error
    return module
