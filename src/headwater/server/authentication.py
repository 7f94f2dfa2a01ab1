"""Who calls: the account and the region that a request's signature names.

The form of the signature is checked as AWS checks it, with AWS's texts. Signatures
themselves are not verified: every access key is accepted, an empty one too.

Rules:
- the region is the one in the signature's scope, else the server's;
- the account is the access key when that is twelve digits, else the server's.

Refuses to know operations and what a caller may do.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from headwater.engine.caller import Caller
from headwater.model.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
)
from headwater.server.exchange import HttpRequest

ACCOUNT_ID = re.compile(r"[0-9]{12}")
REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
HEADER_PARTS = ("Credential", "Signature", "SignedHeaders")
QUERY_PARTS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
CALLERS_REMEMBERED = 1024


class Authentication:
    """Reads the caller of a request."""

    def __init__(self, account_id: str, region: str) -> None:
        self._account_id = account_id
        self._region = region
        self._callers: dict[bytes, Caller] = {}
        """By the header up to its signature: all that does not change from request to request."""

    def caller(self, request: HttpRequest) -> Caller:
        """Who signed the request. Raises AWS's error for a signature that is absent or not whole."""
        header = request.headers.get(b"authorization")
        query = _query(request.target) if b"?" in request.target else {}
        if "X-Amz-Algorithm" in query:
            if header:
                raise InvalidSignatureException(
                    "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
                )
            return self._of_credential(_credential_in_query(query))
        if not header:
            raise MissingAuthenticationTokenException("Missing Authentication Token")
        unchanging, _, signature = header.rpartition(b"Signature=")
        # A signature with a comma or a space in it might hide a part that overrides another one.
        is_usual = signature.isalnum() and b"x-amz-date" in request.headers
        caller = self._callers.get(unchanging) if is_usual else None
        if caller is None:
            caller = self._of_credential(_credential_in_header(header, request))
            if is_usual:
                self._remember(unchanging, caller)
        return caller

    def _remember(self, unchanging: bytes, caller: Caller) -> None:
        if len(self._callers) >= CALLERS_REMEMBERED:
            self._callers.clear()
        self._callers[unchanging] = caller

    def _of_credential(self, credential: bytes) -> Caller:
        text = credential.decode("latin-1")
        parts = text.split("/")
        if len(parts) != 5:
            raise IncompleteSignatureException(
                "Credential must have exactly 5 slash-delimited elements, "
                f"e.g. keyid/date/region/service/term, got '{text}'"
            )
        access_key, region = parts[0], parts[2]
        if region and REGION.fullmatch(region) is None:
            raise InvalidSignatureException("Credential should be scoped to a valid region.")
        account_id = access_key if ACCOUNT_ID.fullmatch(access_key) else self._account_id
        return Caller(account_id, region or self._region)


def _credential_in_header(header: bytes, request: HttpRequest) -> bytes:
    text = header.decode("latin-1")
    parts: dict[str, str] = dict(part.partition("=")[::2] for part in re.split(r"[,\s]+", text))
    faults = [
        f"Authorization header requires '{name}' parameter." for name in HEADER_PARTS if not parts.get(name)
    ]
    if b"x-amz-date" not in request.headers and b"date" not in request.headers:
        faults.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if faults:
        raise IncompleteSignatureException(" ".join([*faults, f"Authorization={text}"]))
    return parts["Credential"].encode("latin-1")


def _credential_in_query(query: dict[str, str]) -> bytes:
    faults = [
        f"AWS query-string parameters must include '{name}'." for name in QUERY_PARTS if not query.get(name)
    ]
    if faults:
        raise IncompleteSignatureException(" ".join([*faults, "Re-examine the query-string parameters."]))
    return query["X-Amz-Credential"].encode("latin-1", "replace")


def _query(target: bytes) -> dict[str, str]:
    text = target.partition(b"?")[2].decode("latin-1")
    return dict(parse_qsl(text, keep_blank_values=True, encoding="latin-1"))
