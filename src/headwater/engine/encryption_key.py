"""The KMS keys that a stream may be encrypted with: the forms of their names, and how they are.

Whether a key exists, and can be used, is known to a directory of keys, if the server has one: a
neighbouring KMS. Without one, or while that has no keys, every key that is named well will do.
"""

from __future__ import annotations

import re
from typing import Literal, Protocol

from headwater.model.caller import Caller
from headwater.model.errors import KMSNotFoundException, NamedError

KeyState = Literal["Usable", "Unknown", "Disabled", "PendingDeletion"]

_KEY = r"(?:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|mrk-[0-9a-f]{32})"
_ALIAS = r"alias/[a-zA-Z0-9/_-]+"
_ARN = r"arn:aws[\w-]*:kms:([a-z0-9-]+):(\d{12}):"
_KEY_ID = re.compile(rf"{_KEY}|{_ALIAS}|{_ARN}(?:key/{_KEY}|{_ALIAS})", re.ASCII)
_OWN_ALIAS = "alias/aws/kinesis"
"""The key that Kinesis itself has in every account."""


class KeyDirectory(Protocol):
    """A directory of KMS keys."""

    def key_state(self, caller: Caller, key_id: str) -> KeyState | None:
        """How a key of an account and region is; `None`: nothing is known of keys there."""


def names_key(key_id: str) -> bool:
    """Whether the text has one of the forms in which KMS knows a key."""
    return _KEY_ID.fullmatch(key_id) is not None


def check_key_id(key_id: str) -> None:
    """Raise KMSNotFoundException for text that names no key in any form that KMS knows."""
    if not names_key(key_id):
        raise KMSNotFoundException(f"Invalid keyId {key_id}")


def require_usable(directory: KeyDirectory | None, caller: Caller, key_id: str) -> None:
    """Raise the KMS error of the API's model for a key that cannot be used.

    `caller` is the stream's account and region; an ARN names its own. KMSNotFoundException,
    KMSDisabledException, KMSInvalidStateException.

    Raises NamedError.
    """
    if directory is None or key_id.endswith(_OWN_ALIAS):
        return
    named = re.match(_ARN, key_id, re.ASCII)
    where = caller if named is None else Caller(named[2], named[1])
    state = directory.key_state(where, key_id)
    if state == "Unknown":
        raise KMSNotFoundException(f"Key '{key_id}' does not exist")
    if state == "Disabled":
        raise NamedError("KMSDisabledException", f"{key_id} is disabled.")
    if state == "PendingDeletion":
        raise NamedError("KMSInvalidStateException", f"{key_id} is pending deletion.")
