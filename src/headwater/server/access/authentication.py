"""Who calls: the account and the region that a request's signature names.

The form of the signature is checked as AWS checks it, with AWS's texts. Signatures
themselves are not verified here: every access key is accepted, an empty one too.
`verification` is the stricter kind.

Rules:
- the region is the one in the signature's scope, else the server's;
- the account is the access key when that is twelve digits, else the server's.

Refuses to know operations and what a caller may do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from headwater.model.caller import Caller
from headwater.model.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    KinesisError,
    MissingAuthenticationTokenException,
)
from headwater.server.http.exchange import HttpRequest

ACCOUNT_ID = re.compile(r"[0-9]{12}")
REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
TERMINATOR = "aws4_request"
"""The last part of a credential's scope."""
INVALID_REGION = "Credential should be scoped to a valid region."
HEADER_PARTS = ("Credential", "Signature", "SignedHeaders")
QUERY_PARTS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
_SEPARATOR = re.compile(r"[,\s]+")
CALLERS_REMEMBERED = 1024
HEADER_REMEMBERED_BYTES = 2048
"""A longer one is nobody's who calls again and again."""
QUERY_MARK = ord("?")
"""As a number: to look for a `bytes`, `in` first raises a TypeError within, which costs a microsecond."""


class PresentedSignature(msgspec.Struct, frozen=True):
    """The parts of a signature as the request has them: none is empty, nothing else is sure."""

    algorithm: str
    credential: str
    signed_headers: str
    signature: str
    date: str
    query: Mapping[str, str] | None
    """The query's parameters, when the signature is there; `None` when it is in the header."""


class Credential(msgspec.Struct, frozen=True):
    """The credential of a signature: its access key, and its scope."""

    access_key_id: str
    date: str
    region: str
    service: str
    terminator: str


class Authentication:
    """Reads the caller of a request."""

    verifies = False
    """Whether a caller has proved who it is."""

    def __init__(self, account_id: str, region: str) -> None:
        self._account_id = account_id
        self._region = region
        self._callers: dict[bytes, Caller] = {}
        """By the header up to its signature: all that does not change from request to request."""
        self._last: tuple[bytes, Caller] = (b"", Caller(account_id, region))
        """The header that was read last, and whom it presented: clients may send one signature many times."""

    def caller(self, request: HttpRequest) -> Caller:
        """The caller who signed the request. Raises AWS's error for an absent or partial signature."""
        header = request.headers.get(b"authorization")
        if header and QUERY_MARK not in request.target and b"x-amz-date" in request.headers:
            last_header, caller_before = self._last
            if header == last_header:
                return caller_before
            unchanging, _, signature = header.rpartition(b"Signature=")
            # A signature with a comma or a space in it might hide a part that overrides another one.
            if signature.isalnum():
                caller = self._callers.get(unchanging)
                if caller is None:
                    caller = self._caller_presented_by(request)
                    self._remember(unchanging, caller)
                self._last = (header, caller)
                return caller
        return self._caller_presented_by(request)

    def caller_of_neighbour(self, request: HttpRequest, service: str) -> Caller:  # noqa: ARG002 - others do
        """The caller of a neighbouring service; without credentials, that of the server's settings."""
        try:
            return self._caller_presented_by(request)
        except KinesisError:
            return Caller(self._account_id, self._region)

    def is_own(self, caller: Caller) -> bool:
        """Whether the caller is of the server's own account."""
        return caller.account_id == self._account_id

    def payload(self, request: HttpRequest) -> bytes:
        """The body of the request for the operation. Raises SerializationException."""
        return request.body

    def caller_of(self, credential: Credential, account_id: str | None = None) -> Caller:
        """The caller that a credential names, or one of `account_id`."""
        access_key_id, region = credential.access_key_id, credential.region
        if account_id is None:
            account_id = access_key_id if ACCOUNT_ID.fullmatch(access_key_id) else self._account_id
        return Caller(account_id, region or self._region)

    def _caller_presented_by(self, request: HttpRequest) -> Caller:
        credential = read_credential(presented_signature(request).credential)
        if not names_region(credential):
            raise InvalidSignatureException(INVALID_REGION)
        return self.caller_of(credential)

    def _remember(self, unchanging: bytes, caller: Caller) -> None:
        if len(unchanging) > HEADER_REMEMBERED_BYTES:
            return
        if len(self._callers) >= CALLERS_REMEMBERED:
            self._callers.clear()
        self._callers[unchanging] = caller


def presented_signature(request: HttpRequest) -> PresentedSignature:
    """The signature that came with a request.

    Raises InvalidSignatureException, MissingAuthenticationTokenException and IncompleteSignatureException.
    """
    header = request.headers.get(b"authorization")
    query = _query(request.target) if QUERY_MARK in request.target else {}
    if "X-Amz-Algorithm" in query:
        if header:
            raise InvalidSignatureException(
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
            )
        return _in_query(query)
    if not header:
        raise MissingAuthenticationTokenException("Missing Authentication Token")
    return _in_header(header.decode("latin-1"), request.headers)


def presented_credential(request: HttpRequest) -> str:
    """The credential in a request's signature, whatever else the signature lacks; empty without one."""
    header = request.headers.get(b"authorization", b"").decode("latin-1")
    in_header = _header_parts(header).get("Credential", "")
    return in_header or _query(request.target).get("X-Amz-Credential", "")


def read_credential(text: str) -> Credential:
    """The credential that a signature presents. Raises IncompleteSignatureException."""
    parts = text.split("/")
    if len(parts) != len(Credential.__struct_fields__):
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{text}'"
        )
    return Credential(*parts)


def names_region(credential: Credential) -> bool:
    """Whether the region could be one; it may be left out."""
    return not credential.region or REGION.fullmatch(credential.region) is not None


def _in_header(text: str, headers: Mapping[bytes, bytes]) -> PresentedSignature:
    algorithm = _SEPARATOR.split(text, maxsplit=1)[0]
    parts = _header_parts(text)
    faults = [
        f"Authorization header requires '{name}' parameter." for name in HEADER_PARTS if not parts.get(name)
    ]
    date = headers.get(b"x-amz-date", headers.get(b"date"))
    if date is None:
        faults.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if date is None or faults:
        raise IncompleteSignatureException(" ".join([*faults, f"Authorization={text}"]))
    return PresentedSignature(
        algorithm,
        parts["Credential"],
        parts["SignedHeaders"],
        parts["Signature"],
        date.decode("latin-1"),
        None,
    )


def _header_parts(text: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in _SEPARATOR.split(text))


def _in_query(query: Mapping[str, str]) -> PresentedSignature:
    faults = [
        f"AWS query-string parameters must include '{name}'." for name in QUERY_PARTS if not query.get(name)
    ]
    if faults:
        raise IncompleteSignatureException(" ".join([*faults, "Re-examine the query-string parameters."]))
    algorithm, credential, signature, signed_headers, date = (query[name] for name in QUERY_PARTS)
    return PresentedSignature(algorithm, credential, signed_headers, signature, date, query)


def _query(target: bytes) -> dict[str, str]:
    from urllib.parse import parse_qsl  # noqa: PLC0415 - few sign in the query

    text = target.partition(b"?")[2].decode("latin-1")
    return dict(parse_qsl(text, keep_blank_values=True, encoding="latin-1"))
