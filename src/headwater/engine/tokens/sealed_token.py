"""Tokens that clients carry and cannot forge: shard iterators and paging tokens.

A token is the text form of some bytes and of a keyed checksum over them (BLAKE2b,
128 bits). The key is made once and kept with the data, so that a token survives a
restart; a token of another server, or one that was tampered with, is refused.
"""

from __future__ import annotations

from _operator import _compare_digest as compare_digest  # hmac's, which loads OpenSSL
from binascii import Error as InvalidBase64
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pybase64 import b64decode, b64encode_as_string

# The interpreter's own, without hashlib, which loads OpenSSL; not every Python has it.
_blake2b: Any = import_module("_blake2" if find_spec("_blake2") else "hashlib").blake2b

SEAL_BYTES = 16
KEY_BYTES = 32


class Sealer:
    """Seals and opens tokens of one kind; a token of one kind is garbage to another."""

    __slots__ = ("_empty",)

    def __init__(self, key: bytes, kind: bytes) -> None:
        self._empty = _blake2b(key=key, digest_size=SEAL_BYTES, person=kind)

    def within(self, scope: bytes) -> Sealer:
        """One for tokens of this kind that are garbage outside the scope. All scopes are of one length."""
        scoped = object.__new__(Sealer)
        scoped._empty = self._empty.copy()
        scoped._empty.update(scope)
        return scoped

    def seal(self, content: bytes) -> str:
        """The token that carries `content`."""
        return self.seal_all((content,))[0]

    def seal_all(self, contents: Iterable[bytes]) -> list[str]:
        """A token for each: queues seal one for each record."""
        copy_empty = self._empty.copy
        tokens = []
        for content in contents:
            keyed = copy_empty()  # `_checksum`, written out
            keyed.update(content)
            tokens.append(b64encode_as_string(content + keyed.digest()))
        return tokens

    def open(self, token: str) -> bytes | None:
        """The content of a token that `seal` made; `None` for any other text."""
        try:
            sealed = b64decode(token.encode("ascii"), validate=True)
        except (InvalidBase64, UnicodeEncodeError):
            return None
        content, checksum = sealed[:-SEAL_BYTES], sealed[-SEAL_BYTES:]
        # The text is compared, too: base64 has several spellings for some bytes.
        if not compare_digest(checksum, self._checksum(content)) or b64encode_as_string(sealed) != token:
            return None
        return content

    def _checksum(self, content: bytes) -> bytes:
        keyed = self._empty.copy()
        keyed.update(content)
        digest: bytes = keyed.digest()
        return digest
