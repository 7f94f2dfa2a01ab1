"""The keys that requests must be signed with, by the configuration."""

from __future__ import annotations

from collections.abc import Callable

from headwater.config import Config
from headwater.server.access.credentials import (
    Credentials,
    by_access_key,
    is_readable_by_others,
    known_key,
    load_credentials,
)


def configured_credentials(config: Config, warn: Callable[[str], None]) -> Credentials:
    """The keys of the file and of the environment; none: signatures are not verified.

    Raises `CredentialsError`.
    """
    known = []
    if config.credentials is not None:
        known += load_credentials(config.credentials)
        if is_readable_by_others(config.credentials):
            warn(f"other users of this machine can read {config.credentials}")
    if config.access_key_id is not None and config.secret_access_key is not None:
        source = "HEADWATER_ACCESS_KEY_ID"
        known.append(known_key(source, config.access_key_id, config.secret_access_key, config.session_token))
    return by_access_key(known)
