"""Who calls, for a server that knows its callers' keys: no signature, no entry.

The order of checks, the names of the errors and their texts are AWS's, as recorded:

    form → date → expiry → `host` is signed → algorithm → credential → scope → key is known
    → signature → signed chunks → session token

Rules:
- a signature is good for five minutes before and after its date, a presigned one for
  as long as it says after it;
- signatures and tokens are compared in constant time;
- the clock is the server's.

Refuses to know operations, and where the keys come from.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hmac import compare_digest
from typing import NamedTuple

from headwater.model.caller import Caller
from headwater.model.clock import Clock
from headwater.model.errors import (
    ExpiredTokenException,
    IncompleteSignatureException,
    InvalidSignatureException,
    SerializationException,
    UnrecognizedClientException,
)
from headwater.server.access.authentication import (
    INVALID_REGION,
    Authentication,
    Credential,
    PresentedSignature,
    names_region,
    presented_signature,
    read_credential,
)
from headwater.server.access.credentials import Credentials, KnownKey
from headwater.server.http.exchange import HttpRequest
from headwater.wire.signature_v4 import (
    ALGORITHM,
    PAYLOAD_FORMS,
    TERMINATOR,
    Scope,
    SignedRequest,
    canonical_request,
    payload_form,
    signature,
    string_to_sign,
)
from headwater.wire.signed_chunks import ChunkedBody, read_chunks, verify_chunks

SERVICE = "kinesis"
TOLERANCE_S = 5 * 60
LIFETIME_S_MAX = 7 * 24 * 3600
BASIC_FORMAT = "%Y%m%dT%H%M%SZ"
UNKNOWN_KEY = "The security token included in the request is invalid."
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)


class Signed(NamedTuple):
    """The parts of a signature, besides the message."""

    timestamp: str
    scope: Scope
    headers: tuple[str, ...]
    is_presigned: bool


class Verification(Authentication):
    """Reads the caller of a request, and believes nothing."""

    verifies = True

    def __init__(self, account_id: str, region: str, credentials: Credentials, clock: Clock) -> None:
        super().__init__(account_id, region)
        self._credentials = credentials
        self._clock = clock

    def caller(self, request: HttpRequest) -> Caller:
        """The caller who signed the request. Raises AWS's error for a wrong signature."""
        return self.caller_of_neighbour(request, SERVICE)

    def caller_of_neighbour(self, request: HttpRequest, service: str) -> Caller:
        """The caller who signed a request for a neighbouring service.

        Raises AWS's error, as `caller`: InvalidSignatureException, IncompleteSignatureException or
        UnrecognizedClientException.
        """
        presented = presented_signature(request)
        timestamp = self._check_date(presented)
        headers = _signed_headers(presented)
        _check_signed_headers(request, presented, headers)
        if presented.algorithm != ALGORITHM:
            raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{presented.algorithm}'.")
        credential = read_credential(presented.credential)
        _check_scope(credential, timestamp, service)
        key = self._credentials.get(credential.access_key_id)
        if key is None:
            raise UnrecognizedClientException(UNKNOWN_KEY)
        scope = Scope(credential.date, credential.region, credential.service)
        signed = Signed(timestamp, scope, headers, presented.query is not None)
        _check_signature(request, presented.signature, signed, key)
        self._check_token(request, presented, key)
        return self.caller_of(credential, key.account_id)

    def payload(self, request: HttpRequest) -> bytes:
        """The body, without the chunks in which it may have come. Raises SerializationException."""
        chunked = _chunked_body(request)
        return request.body if chunked is None else chunked.data

    def _check_date(self, presented: PresentedSignature) -> str:
        """The date of a signature, in the form in which it is signed; it must be a date of about now."""
        moment = _moment(presented.date)
        if moment is None:
            raise IncompleteSignatureException(
                f"Date must be in ISO-8601 'basic format'. Got '{presented.date}'. "
                "See http://en.wikipedia.org/wiki/ISO_8601"
            )
        signed_s, now_s = int(moment.timestamp()), self._clock.now_ms() // 1000
        lifetime_s = _lifetime_s(presented)
        timestamp = _basic(signed_s)
        if signed_s < now_s - lifetime_s:
            raise InvalidSignatureException(
                f"Signature expired: {timestamp} is now earlier than {_basic(now_s - lifetime_s)} "
                f"({_basic(now_s)} - {_span(lifetime_s)}.)"
            )
        if signed_s > now_s + TOLERANCE_S:
            raise InvalidSignatureException(
                f"Signature not yet current: {timestamp} is still later than {_basic(now_s + TOLERANCE_S)} "
                f"({_basic(now_s)} + {_span(TOLERANCE_S)}.)"
            )
        return timestamp

    def _check_token(self, request: HttpRequest, presented: PresentedSignature, key: KnownKey) -> None:
        if presented.query is None:
            token = request.headers.get(b"x-amz-security-token", b"")
        else:
            token = presented.query.get("X-Amz-Security-Token", "").encode("latin-1")
        if not compare_digest(token, (key.session_token or "").encode()):
            raise UnrecognizedClientException(UNKNOWN_KEY)
        if key.expires_ms is not None and key.expires_ms <= self._clock.now_ms():
            raise ExpiredTokenException("The security token included in the request is expired")


def _signed_headers(presented: PresentedSignature) -> tuple[str, ...]:
    """The names of the headers that are signed, each once: a long value signed often would grow and grow."""
    names = dict.fromkeys(presented.signed_headers.lower().split(";"))
    return tuple(name for name in names if name)


def _check_signed_headers(
    request: HttpRequest, presented: PresentedSignature, names: tuple[str, ...]
) -> None:
    if "host" not in names and ":authority" not in names:
        raise InvalidSignatureException(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    if presented.query is None and b"x-amz-date" in request.headers and "x-amz-date" not in names:
        raise InvalidSignatureException("'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization.")


def _check_scope(credential: Credential, timestamp: str, service: str) -> None:
    faults = []
    if not names_region(credential):
        faults.append(INVALID_REGION)
    if credential.service != service:
        faults.append(f"Credential should be scoped to correct service: '{service}'.")
    if credential.terminator != TERMINATOR:
        faults.append(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', "
            f"not '{credential.terminator}'."
        )
    if credential.date != timestamp[:8]:
        faults.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{credential.date}' != '{timestamp[:8]}', from '{timestamp}'."
        )
    if faults:
        raise InvalidSignatureException("".join(f"{fault} " for fault in faults))


def _check_signature(request: HttpRequest, presented: str, signed: Signed, key: KnownKey) -> None:
    message = SignedRequest(request.method, request.target, request.headers, request.body)
    canonical = canonical_request(
        message, signed.headers, for_s3=signed.scope.service == "s3", presigned=signed.is_presigned
    )
    to_sign = string_to_sign(signed.timestamp, signed.scope, canonical)
    expected = signature(key.secret_access_key, signed.scope, to_sign)
    if not compare_digest(expected.encode(), presented.encode("latin-1")):
        raise InvalidSignatureException(
            f"{MISMATCH}\n\nThe Canonical String for this request should have been\n"
            f"'{canonical.decode('utf-8', 'replace')}'\n\n"
            f"The String-to-Sign should have been\n'{to_sign.decode('utf-8', 'replace')}'\n"
        )
    chunked = _chunked_body(request)
    if chunked is not None and not verify_chunks(
        chunked, expected, key.secret_access_key, signed.timestamp, signed.scope
    ):
        raise InvalidSignatureException(MISMATCH)


def _chunked_body(request: HttpRequest) -> ChunkedBody | None:
    """The body of a request that says it has signed chunks. Raises SerializationException."""
    named = payload_form(request.headers)
    form = None if named is None else PAYLOAD_FORMS[named]
    if form is None:
        return None
    chunked = read_chunks(request.body, form)
    length = request.headers.get(b"x-amz-decoded-content-length")
    if length is not None and length != b"%d" % len(chunked.data):
        raise SerializationException
    return chunked


def _lifetime_s(presented: PresentedSignature) -> int:
    """For how long after its date a signature is good."""
    text = None if presented.query is None else presented.query.get("X-Amz-Expires")
    if text is None:
        return TOLERANCE_S
    if re.fullmatch(r"[0-9]{1,9}", text) is None:
        raise InvalidSignatureException("X-Amz-Expires should be a number.")
    if int(text) > LIFETIME_S_MAX:
        raise InvalidSignatureException(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
            f"must be less than {LIFETIME_S_MAX} seconds."
        )
    return int(text)


def _moment(text: str) -> datetime | None:
    """A date in the basic format, or in that of HTTP's own header."""
    try:
        if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):
            return datetime.strptime(text, BASIC_FORMAT).replace(tzinfo=UTC)
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _basic(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime(BASIC_FORMAT)


def _span(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
