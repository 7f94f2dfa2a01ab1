from __future__ import annotations

import string
from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from headwater.wire.signature_v4 import (
    PAYLOAD_FORMS,
    Key,
    Scope,
    SignedRequest,
    canonical_request,
    payload_hash,
    sign,
    signature_of,
)
from tests.wire.presigning import presign

TIMESTAMP = "20261120T093000Z"
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HOST = "kinesis.eu-west-1.amazonaws.com"

names = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=12).map(lambda n: f"x-{n}")
values = st.text(string.ascii_letters + string.digits + "  ,;=/+", max_size=20)
headers = st.dictionaries(names.map(str.lower), values, max_size=5)
paths = st.lists(
    st.sampled_from(["", ".", "..", "a", "b c", "%20", "~", "é", "a:b@c", "..."]), max_size=6
).map(lambda parts: "/" + "/".join(parts))
queries = st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=5).map(
    lambda pairs: "&".join(
        f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in pairs if n != "X-Amz-Signature"
    )
)
keys = st.builds(
    Key,
    st.text(string.ascii_uppercase, min_size=1, max_size=20),
    st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable()),
    st.none() | st.text(string.ascii_letters + "+/=", min_size=1, max_size=40),
)


def bytes_of(text_headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in text_headers.items()}


def by_botocore(request: AWSRequest, auth: SigV4Auth) -> AWSRequest:
    with patch("botocore.auth.get_current_datetime", return_value=NOW):
        auth.add_auth(request)
    return request


@given(headers, paths, queries, st.binary(max_size=50), keys)
def test_a_header_signature_is_the_one_that_botocore_makes(
    sent: dict[str, str], path: str, query: str, body: bytes, key: Key
) -> None:
    sent["host"] = HOST
    target = path + (f"?{query}" if query else "")
    request = AWSRequest("POST", f"https://{HOST}{target}", dict(sent), body)
    by_botocore(request, SigV4Auth(Credentials(*key), "kinesis", "eu-west-1"))
    message = SignedRequest(b"POST", target.encode(), bytes_of(sent), body)
    added = sign(message, key, TIMESTAMP, "eu-west-1", "kinesis")
    assert added[b"authorization"].decode() == request.headers["Authorization"]
    assert added[b"x-amz-date"].decode() == request.headers["X-Amz-Date"] == TIMESTAMP
    assert added.get(b"x-amz-security-token", b"").decode() == (request.headers["X-Amz-Security-Token"] or "")


@given(headers, paths, keys, st.integers(1, 604_800))
def test_a_presigned_target_is_the_one_that_botocore_makes(
    sent: dict[str, str], path: str, key: Key, lifetime_s: int
) -> None:
    sent["host"] = HOST
    request = AWSRequest("GET", f"https://{HOST}{path}", dict(sent))
    by_botocore(request, SigV4QueryAuth(Credentials(*key), "kinesis", "eu-west-1", expires=lifetime_s))
    message = SignedRequest(b"GET", path.encode(), bytes_of(sent), b"")
    presigned = presign(message, key, TIMESTAMP, "eu-west-1", "kinesis", lifetime_s).decode()
    theirs, ours = urlsplit(request.url).query.split("&"), presigned.partition("?")[2].split("&")
    assert sorted(ours) == sorted(theirs)


@given(headers, st.sampled_from(["host", "HOST", "Host"]))
def test_the_order_and_the_case_of_the_signed_names_do_not_matter(sent: dict[str, str], host: str) -> None:
    message = SignedRequest(b"POST", b"/", bytes_of({**sent, "host": HOST}), b"")
    assert canonical_request(message, [host, *sent]) == canonical_request(message, [*reversed(sent), "host"])


def test_space_in_a_value_is_trimmed_and_an_absent_header_is_empty() -> None:
    message = SignedRequest(b"post", b"", {b"host": b"  a \t b  "}, b"")
    assert canonical_request(message, ["host", "x-gone"]).startswith(
        b"POST\n/\n\nhost:a b\nx-gone:\n\nhost;x-gone\n"
    )


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/?b=2&a=1&a=0&X-Amz-Signature=00", b"/", b"a=0&a=1&b=2"),
        (b"/?a=%7e%c3%a9&b=+&c&&", b"/", b"a=~%C3%A9&b=%20&c="),
        (b"/a/./b/../c//d/", b"/a/c/d/", b""),
        (b"/..", b"/", b""),
        (b"/a%20b", b"/a%2520b", b""),
    ],
)
def test_path_and_query_have_one_spelling(target: bytes, path: bytes, query: bytes) -> None:
    lines = canonical_request(SignedRequest(b"GET", target, {}, b""), []).split(b"\n")
    assert lines[1:3] == [path, query]


def test_a_body_counts_by_its_hash_unless_the_request_names_one_of_the_forms() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for said in (b"", b"0" * 64, b"unsigned-payload", b"STREAMING-SOMETHING-ELSE"):
        assert payload_hash(SignedRequest(b"POST", b"/", {b"x-amz-content-sha256": said}, b"")) == empty
    for form in PAYLOAD_FORMS:
        headers = {b"x-amz-content-sha256": form.encode()}
        assert payload_hash(SignedRequest(b"POST", b"/", headers, b"")) == form


def test_the_signature_of_the_published_example() -> None:
    headers = {
        b"content-type": b"application/x-www-form-urlencoded; charset=utf-8",
        b"host": b"iam.amazonaws.com",
        b"x-amz-date": b"20150830T123600Z",
    }
    message = SignedRequest(b"GET", b"/?Action=ListUsers&Version=2010-05-08", headers, b"")
    scope = Scope("20150830", "us-east-1", "iam")
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    assert signature_of(message, [name.decode() for name in headers], secret, "20150830T123600Z", scope) == (
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )
