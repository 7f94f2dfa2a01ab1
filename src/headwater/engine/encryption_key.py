"""The forms in which a KMS key may be named. Whether the key exists is not known here."""

from __future__ import annotations

import re

from headwater.model.errors import KMSNotFoundException

_KEY = r"(?:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|mrk-[0-9a-f]{32})"
_ALIAS = r"alias/[a-zA-Z0-9/_-]+"
_KEY_ID = re.compile(
    rf"{_KEY}|{_ALIAS}|arn:aws[\w-]*:kms:[a-z0-9-]+:\d{{12}}:(?:key/{_KEY}|{_ALIAS})", re.ASCII
)


def names_key(key_id: str) -> bool:
    """Whether the text has one of the forms in which KMS knows a key."""
    return _KEY_ID.fullmatch(key_id) is not None


def check_key_id(key_id: str) -> None:
    """Raise KMSNotFoundException for text that names no key in any form that KMS knows."""
    if not names_key(key_id):
        raise KMSNotFoundException(f"Invalid keyId {key_id}")
