"""The access keys that a server knows: read once, from a file or from the environment.

The file has the form of AWS's own: profiles with `aws_access_key_id` and
`aws_secret_access_key`; if there is one, `aws_session_token`; and, which AWS's tools
leave alone, `aws_account_id` and `aws_credential_expiration`.

Rules:
- a file that cannot be used as a whole is refused, with the reason and the profile;
- a profile without keys (a role, say) is passed over;
- an access key means one thing: the same one twice, with other values, is refused.

Refuses to know requests.
"""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from configparser import SectionProxy

READABLE_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH


class CredentialsError(Exception):
    """The access keys cannot be used. The message is for the person who started the server."""


class KnownKey(msgspec.Struct, frozen=True):
    """One access key, and what is needed to verify its signatures."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    account_id: str | None = None
    """The caller's account; `None`: as for a key that nobody knows."""
    expires_ms: int | None = None
    """When the session token ends, in milliseconds since the Unix epoch."""

    def __repr__(self) -> str:
        """Without its secrets."""
        return (
            f"KnownKey(access_key_id={self.access_key_id!r}, account_id={self.account_id!r}, "
            f"expires_ms={self.expires_ms!r})"
        )


Credentials = Mapping[str, KnownKey]
"""Known keys by their ids."""


def known_key(
    source: str,
    access_key_id: str,
    secret_access_key: str,
    session_token: str | None = None,
    account_id: str | None = None,
    expiration: str | None = None,
) -> KnownKey:
    """A key that can be verified. Raises `CredentialsError` that begins with `source`."""
    if re.fullmatch(r"[!-~]+", access_key_id) is None or re.search(r"[,/]", access_key_id):
        raise CredentialsError(f"{source}: {access_key_id!r} is not an access key id")
    if not secret_access_key:
        raise CredentialsError(f"{source}: the secret access key is empty")
    if account_id and re.fullmatch(r"[0-9]{12}", account_id) is None:
        raise CredentialsError(f"{source}: the account {account_id!r} is not twelve digits")
    expires_ms = None
    if expiration:
        try:
            moment = datetime.fromisoformat(expiration)
        except ValueError as error:
            raise CredentialsError(f"{source}: the expiration {expiration!r} is not a time") from error
        expires_ms = int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
    return KnownKey(access_key_id, secret_access_key, session_token or None, account_id or None, expires_ms)


def by_access_key(known: Iterable[KnownKey]) -> Credentials:
    """The table of keys. Raises `CredentialsError` when two of one id differ."""
    table: dict[str, KnownKey] = {}
    for key in known:
        if table.setdefault(key.access_key_id, key) != key:
            raise CredentialsError(f"the access key {key.access_key_id} is given twice, with other values")
    return table


def load_credentials(path: Path) -> list[KnownKey]:
    """The keys of a file. Raises `CredentialsError`."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CredentialsError(f"{path}: it is not UTF-8 text") from error
    except OSError as error:
        raise CredentialsError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    return read_credentials(text, str(path))


def read_credentials(text: str, source: str) -> list[KnownKey]:
    """The keys of a file's text. Raises `CredentialsError` that begins with `source`."""
    # A server without such a file does without its parser.
    from configparser import ConfigParser, Error  # noqa: PLC0415 - see above

    # No section is special: AWS spells its default profile in small letters, and means nothing by it.
    parser = ConfigParser(interpolation=None, delimiters=("=",), default_section="\n")
    try:
        parser.read_string(text)
    except Error as error:
        # The error's own text would show the line, which may hold a secret.
        line = getattr(error, "lineno", None) or next(iter(getattr(error, "errors", [])), (None,))[0]
        where = "" if line is None else f" (line {line})"
        raise CredentialsError(f"{source}: it is not a file of profiles{where}") from None
    known = [key for name in parser.sections() if (key := _profile_key(parser[name], source)) is not None]
    if not known:
        raise CredentialsError(f"{source}: no profile in it has an access key")
    return known


def is_readable_by_others(path: Path) -> bool:
    """Whether the file shows its secrets to other users of this machine."""
    return sys.platform != "win32" and bool(path.stat().st_mode & READABLE_BY_OTHERS)


def _profile_key(profile: SectionProxy, source: str) -> KnownKey | None:
    access_key_id = profile.get("aws_access_key_id")
    secret_access_key = profile.get("aws_secret_access_key")
    if access_key_id is None and secret_access_key is None:
        return None
    source = f"{source}: profile {profile.name}"
    if access_key_id is None or secret_access_key is None:
        absent = "aws_access_key_id" if access_key_id is None else "aws_secret_access_key"
        raise CredentialsError(f"{source}: it has no {absent}")
    return known_key(
        source,
        access_key_id,
        secret_access_key,
        profile.get("aws_session_token"),
        profile.get("aws_account_id"),
        profile.get("aws_credential_expiration"),
    )
