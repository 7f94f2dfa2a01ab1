"""Signature Version 4: what is signed of a request, and how.

A signature is an HMAC over the *string to sign*, which names the moment, the scope
and the hash of the *canonical request*: method, path, query, some headers and the
hash of the body, in a form that does not depend on how they were sent. It stands in
the `Authorization` header, or in the query (a presigned request).

Rules:
- a message is what stands on the wire: bytes, names of headers in lower case, the
  values of one name joined by commas;
- path and query are written as every service but S3 wants them: dot segments and
  empty segments removed, what is encoded already encoded once more in the path. S3
  wants the path as it was sent, and a presigned body counts by no hash;
- a body counts by its hash, unless the request says one of `PAYLOAD_FORMS` instead.

The source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

Refuses to know whose keys these are, and what time it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from hmac import digest
from typing import NamedTuple

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
CONTENT_HASH = b"x-amz-content-sha256"
EMPTY_HASH = sha256().hexdigest()
SIGNING_KEYS_REMEMBERED = 256

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ENCODED = tuple(bytes([byte]) if byte in _UNRESERVED else b"%%%02X" % byte for byte in range(256))
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


class ChunkForm(NamedTuple):
    """How a body is cut into chunks: see `signed_chunks`."""

    is_signed: bool
    has_trailer: bool


PAYLOAD_FORMS: dict[str, ChunkForm | None] = {
    "UNSIGNED-PAYLOAD": None,
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": ChunkForm(is_signed=True, has_trailer=False),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": ChunkForm(is_signed=True, has_trailer=True),
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": ChunkForm(is_signed=False, has_trailer=True),
}
"""What a request may say in `x-amz-content-sha256` in place of a hash; `None`: the body is in one piece."""


class SignedRequest(NamedTuple):
    """A request as it is, or will be, sent."""

    method: bytes
    target: bytes
    """Path and query."""
    headers: Mapping[bytes, bytes]
    body: bytes


class Scope(NamedTuple):
    """The scope of a signature."""

    date: str
    """As in 20261120."""
    region: str
    service: str

    def __str__(self) -> str:
        """The form in which it is signed."""
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


class Key(NamedTuple):
    """The key that a caller signs with."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


def sign(message: SignedRequest, key: Key, timestamp: str, region: str, service: str) -> dict[bytes, bytes]:
    """The headers to send besides the message's own, which are all signed; `host` must be one of them.

    `timestamp` is the time now, as in 20261120T093000Z.
    """
    added = {b"x-amz-date": timestamp.encode()}
    if key.session_token is not None:
        added[b"x-amz-security-token"] = key.session_token.encode()
    message = message._replace(headers={**message.headers, **added})
    scope = Scope(timestamp[:8], region, service)
    names = _names(message)
    signed = signature_of(message, names, key.secret_access_key, timestamp, scope)
    authorization = (
        f"{ALGORITHM} Credential={key.access_key_id}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signed}"
    )
    return {**added, b"authorization": authorization.encode()}


def signature_of(
    message: SignedRequest,
    signed_headers: Iterable[str],
    secret_access_key: str,
    timestamp: str,
    scope: Scope,
) -> str:
    """The signature of a message over the headers of these names."""
    canonical = canonical_request(message, signed_headers)
    return signature(secret_access_key, scope, string_to_sign(timestamp, scope, canonical))


def canonical_request(
    message: SignedRequest, signed_headers: Iterable[str], *, for_s3: bool = False, presigned: bool = False
) -> bytes:
    """The form of a message that is hashed and signed; a header that is not there counts as empty."""
    path, _, query = message.target.partition(b"?")
    unhashed = for_s3 and presigned and CONTENT_HASH not in message.headers
    names = sorted(name.lower().encode("latin-1") for name in signed_headers)
    lines = [b"%s:%s" % (name, b" ".join(message.headers.get(name, b"").split())) for name in names]
    return b"\n".join(
        (
            message.method.upper(),
            _path_of_s3(path) if for_s3 else _canonical_path(path),
            _canonical_query(query),
            *lines,
            b"",
            b";".join(names),
            b"UNSIGNED-PAYLOAD" if unhashed else payload_hash(message).encode("latin-1"),
        )
    )


def payload_hash(message: SignedRequest) -> str:
    """The last line of the canonical request: what is computed, whatever the request says its hash is."""
    named = payload_form(message.headers)
    return sha256(message.body).hexdigest() if named is None else named


def payload_form(headers: Mapping[bytes, bytes]) -> str | None:
    """The one of `PAYLOAD_FORMS` that the request names."""
    named = headers.get(CONTENT_HASH, b"").strip().decode("latin-1")
    return named if named in PAYLOAD_FORMS else None


def string_to_sign(timestamp: str, scope: Scope, canonical: bytes) -> bytes:
    """The text that the HMAC is computed over."""
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{sha256(canonical).hexdigest()}".encode("latin-1")


def signature(secret_access_key: str, scope: Scope, signed: bytes) -> str:
    """The signature of a string to sign, in hexadecimal digits."""
    return digest(signing_key(secret_access_key, scope), signed, "sha256").hex()


@lru_cache(maxsize=SIGNING_KEYS_REMEMBERED)
def signing_key(secret_access_key: str, scope: Scope) -> bytes:
    """The key that a secret has for one day, region and service."""
    key = f"AWS4{secret_access_key}".encode()
    for part in (*scope, TERMINATOR):
        key = digest(key, part.encode("latin-1"), "sha256")
    return key


def _names(message: SignedRequest) -> list[str]:
    return sorted(name.decode("latin-1") for name in message.headers)


def _canonical_path(path: bytes) -> bytes:
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(_encoded(segment))
    end = b"/" if kept and path.endswith(b"/") else b""
    return b"/" + b"/".join(kept) + end


def _path_of_s3(path: bytes) -> bytes:
    return b"/".join(_encoded(_ESCAPE.sub(_unescaped, segment)) for segment in path.split(b"/")) or b"/"


def _canonical_query(query: bytes) -> bytes:
    pairs = [pair.partition(b"=") for pair in query.split(b"&") if pair]
    encoded = sorted((_encoded(_decoded(name)), _encoded(_decoded(value))) for name, _, value in pairs)
    return b"&".join(b"%s=%s" % pair for pair in encoded if pair[0] != b"X-Amz-Signature")


def _decoded(text: bytes) -> bytes:
    return _ESCAPE.sub(_unescaped, text.replace(b"+", b" "))


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 16)])


def _encoded(text: bytes) -> bytes:
    return b"".join([_ENCODED[byte] for byte in text])
