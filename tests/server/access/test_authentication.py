from __future__ import annotations

import pytest

from headwater.model.caller import Caller
from headwater.model.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    KinesisError,
    MissingAuthenticationTokenException,
)
from headwater.server.access.authentication import CALLERS_REMEMBERED, Authentication
from headwater.server.http.exchange import HttpRequest

DEFAULT = Caller("000000000000", "us-east-1")


def request(authorization: str | None = None, query: str = "", **headers: str) -> HttpRequest:
    sent = {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()}
    if authorization is not None:
        sent[b"authorization"] = authorization.encode("latin-1")
    return HttpRequest(b"POST", f"/{query}".encode("latin-1"), sent, b"{}")


def signed(credential: str) -> HttpRequest:
    header = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature=0a0b"
    return request(header, x_amz_date="20261120T000000Z")


def presigned(**changes: str | None) -> HttpRequest:
    parts: dict[str, str | None] = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "AKID%2F20261120%2Feu-west-1%2Fkinesis%2Faws4_request",
        "X-Amz-Date": "20261120T000000Z",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "0a0b",
    }
    parts |= {name.replace("_", "-"): value for name, value in changes.items()}
    return request(query="?" + "&".join(f"{n}={v}" for n, v in parts.items() if v is not None))


def caller_of(asked: HttpRequest) -> Caller:
    return Authentication(*DEFAULT).caller(asked)


def refusal_of(asked: HttpRequest) -> KinesisError:
    with pytest.raises(KinesisError) as caught:
        caller_of(asked)
    return caught.value


def test_the_region_is_the_one_in_the_scope() -> None:
    assert caller_of(signed("AKID/20261120/eu-west-1/kinesis/aws4_request")).region == "eu-west-1"
    assert caller_of(signed("AKID/20261120//kinesis/aws4_request")).region == "us-east-1"


@pytest.mark.parametrize("region", ["eu.west", "é", "a" * 64, "-"])
def test_a_region_that_could_not_be_one_is_refused(region: str) -> None:
    error = refusal_of(signed(f"AKID/20261120/{region}/kinesis/aws4_request"))
    assert isinstance(error, InvalidSignatureException)


@pytest.mark.parametrize(
    ("access_key", "account_id"),
    [
        ("123456789012", "123456789012"),
        ("", "000000000000"),
        ("test", "000000000000"),
        ("12345678901", "000000000000"),
        ("1234567890123", "000000000000"),
        ("12345678901²", "000000000000"),
    ],
)
def test_the_account_is_the_access_key_when_that_is_twelve_digits(access_key: str, account_id: str) -> None:
    for _ in range(2):
        assert (
            caller_of(signed(f"{access_key}/20261120/us-east-1/kinesis/aws4_request")).account_id
            == account_id
        )


def test_callers_are_told_apart_in_any_number() -> None:
    authentication = Authentication(*DEFAULT)
    for _ in range(2):
        for number in range(CALLERS_REMEMBERED + 10):
            caller = authentication.caller(signed(f"{number:012}/d/eu-west-1/kinesis/aws4_request"))
            assert caller == Caller(f"{number:012}", "eu-west-1")


@pytest.mark.parametrize(
    "header",
    [
        "AWS4-HMAC-SHA256 Credential=A/d/eu-west-1/k/t,SignedHeaders=host,Signature=0a",
        "AWS4-HMAC-SHA256 Signature=0a, Credential=A/d/eu-west-1/k/t, SignedHeaders=host",
        "AWS4-ECDSA-P256-SHA256  Credential=A/d/eu-west-1/k/t,  SignedHeaders=host,  Signature=0a,",
    ],
)
def test_the_header_may_be_spaced_and_ordered_in_any_way(header: str) -> None:
    assert caller_of(request(header, x_amz_date="x")) == Caller("000000000000", "eu-west-1")
    assert caller_of(request(header, date="x")) == Caller("000000000000", "eu-west-1")


def test_what_was_read_once_is_not_taken_for_what_only_begins_alike() -> None:
    authentication = Authentication(*DEFAULT)
    start = "AWS4-HMAC-SHA256 Credential=A/d/eu-west-1/k/t, SignedHeaders=host, Signature="
    assert authentication.caller(request(start + "0a", x_amz_date="x")).region == "eu-west-1"
    hidden = request(start + "0a, Credential=A/d/eu-west-2/k/t", x_amz_date="x")
    assert authentication.caller(hidden).region == "eu-west-2"
    for asked in (request(start, x_amz_date="x"), request(start + "0a")):
        with pytest.raises(IncompleteSignatureException):
            authentication.caller(asked)


@pytest.mark.parametrize("header", [None, ""])
def test_a_request_without_a_signature_lacks_its_token(header: str | None) -> None:
    error = refusal_of(request(header))
    assert isinstance(error, MissingAuthenticationTokenException)
    assert error.message == "Missing Authentication Token"


@pytest.mark.parametrize("query", ["?X-Amz-Algorithm=x", "?X-Amz-Algorithm", "?a=b&X-Amz-Algorithm="])
def test_two_signatures_are_one_too_many(query: str) -> None:
    error = refusal_of(request("AWS4", query))
    assert isinstance(error, InvalidSignatureException)
    assert error.message == (
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    )


@pytest.mark.parametrize(
    ("header", "headers", "message"),
    [
        (
            "AWS4-HMAC-SHA256",
            {},
            (
                "Authorization header requires 'Credential' parameter. "
                "Authorization header requires 'Signature' parameter. "
                "Authorization header requires 'SignedHeaders' parameter. "
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
                "Authorization=AWS4-HMAC-SHA256"
            ),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=, Signature=b",
            {"date": "x"},
            (
                "Authorization header requires 'SignedHeaders' parameter. "
                "Authorization=AWS4-HMAC-SHA256 Credential=a, SignedHeaders=, Signature=b"
            ),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=h, Signature=b",
            {},
            (
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
                "Authorization=AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=h, Signature=b"
            ),
        ),
        ("é", {"date": "x"}, None),
    ],
)
def test_an_incomplete_header_is_told_what_it_lacks(
    header: str, headers: dict[str, str], message: str | None
) -> None:
    error = refusal_of(request(header, **headers))
    assert isinstance(error, IncompleteSignatureException)
    assert message is None or error.message == message


@pytest.mark.parametrize("credential", ["AKID", "a/b/c/d", "a/b/c/d/e/f"])
def test_a_credential_has_five_parts(credential: str) -> None:
    for asked in (signed(credential), presigned(X_Amz_Credential=credential)):
        error = refusal_of(asked)
        assert isinstance(error, IncompleteSignatureException)
        assert error.message == (
            "Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{credential}'"
        )


def test_a_signature_may_stand_in_the_query() -> None:
    assert caller_of(presigned()) == Caller("000000000000", "eu-west-1")
    account = "123456789012%2Fd%2Feu-west-1%2Fkinesis%2Faws4_request"
    assert caller_of(presigned(X_Amz_Credential=account)) == Caller("123456789012", "eu-west-1")


def test_an_incomplete_query_is_told_what_it_lacks() -> None:
    error = refusal_of(presigned(X_Amz_Credential=None, X_Amz_Date=""))
    assert isinstance(error, IncompleteSignatureException)
    assert error.message == (
        "AWS query-string parameters must include 'X-Amz-Credential'. "
        "AWS query-string parameters must include 'X-Amz-Date'. "
        "Re-examine the query-string parameters."
    )
    everything = refusal_of(request(query="?X-Amz-Algorithm="))
    assert everything.message is not None
    assert everything.message.count("must include") == 5


def test_a_header_that_was_read_before_does_not_stand_for_the_rest_of_a_signature() -> None:
    authentication = Authentication(*DEFAULT)
    first = signed("AKID/20261120/eu-west-1/kinesis/aws4_request")
    assert authentication.caller(first) == authentication.caller(first)
    without_date = first._replace(headers={b"authorization": first.headers[b"authorization"]})
    with pytest.raises(IncompleteSignatureException):
        authentication.caller(without_date)
    with pytest.raises(InvalidSignatureException):
        authentication.caller(first._replace(target=presigned().target))
