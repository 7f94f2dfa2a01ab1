"""A server that knows its callers' keys lets nobody else in, in AWS's words."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256
from time import time_ns
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from headwater.model.clock import ManualClock
from headwater.model.errors import KinesisError
from headwater.server.access.credentials import KnownKey, by_access_key
from headwater.server.access.verification import MISMATCH, UNKNOWN_KEY, Verification
from headwater.server.http.exchange import HttpRequest
from headwater.wire.signature_v4 import Key, Scope, SignedRequest, sign, signature, signature_of
from tests.api.clocked_server import ClockedServer, clocked_server
from tests.waiting import RETRY_FOR_S
from tests.wire.presigning import presign

KEY = Key("AKID", "the/secret+key")
SESSION = Key("ASIA", "another", "the-token==")
EXPIRED = Key("ASIAOLD", "another", "old-token")
NOW_MS = 1_795_167_000_000
NOW = "20261120T093000Z"
BODY = b"{}"
HEADERS = {
    b"host": b"127.0.0.1:4566",
    b"content-type": b"application/x-amz-json-1.1",
    b"x-amz-target": b"Kinesis_20131202.ListStreams",
}


# The checks, one by one, without a server.


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture
def verification(clock: ManualClock) -> Verification:
    known = [
        KnownKey(*KEY),
        KnownKey(*SESSION, account_id="111122223333"),
        KnownKey(*EXPIRED, expires_ms=NOW_MS),
        KnownKey("123456789012", "of an account"),
    ]
    return Verification("000000000000", "us-east-1", by_access_key(known), clock)


def signed(
    key: Key = KEY,
    timestamp: str = NOW,
    region: str = "eu-west-1",
    service: str = "kinesis",
    target: bytes = b"/",
    changes: tuple[str, str] = ("", ""),
) -> HttpRequest:
    """A signed request; `changes` is a piece of its header, and what stands in its place."""
    message = SignedRequest(b"POST", target, HEADERS, BODY)
    added = sign(message, key, timestamp, region, service)
    old, new = changes
    assert old.encode() in added[b"authorization"]
    added[b"authorization"] = added[b"authorization"].replace(old.encode(), new.encode(), 1)
    return HttpRequest(b"POST", target, {**HEADERS, **added}, BODY)


def presigned(lifetime_s: int | str = 60, key: Key = KEY, timestamp: str = NOW) -> HttpRequest:
    message = SignedRequest(b"POST", b"/", HEADERS, BODY)
    target = presign(message, key, timestamp, "eu-west-1", "kinesis", lifetime_s)
    return HttpRequest(b"POST", target, HEADERS, BODY)


def with_headers(request: HttpRequest, **headers: str | None) -> HttpRequest:
    changed = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    kept = {name: value for name, value in request.headers.items() if name not in changed}
    return request._replace(
        headers=kept | {name: value.encode() for name, value in changed.items() if value is not None}
    )


def refusal_of(verification: Verification, request: HttpRequest) -> tuple[str, str]:
    with pytest.raises(KinesisError) as caught:
        verification.caller(request)
    return caught.value.code, caught.value.message or ""


def test_the_account_is_that_of_the_key(verification: Verification) -> None:
    assert verification.caller(signed()) == ("000000000000", "eu-west-1")
    assert verification.caller(signed(SESSION)) == ("111122223333", "eu-west-1")
    assert verification.caller(signed(Key("123456789012", "of an account"))).account_id == "123456789012"
    assert verification.caller(signed(region="")).region == "us-east-1"


def test_nothing_is_remembered_of_a_signature_that_was_right(verification: Verification) -> None:
    verification.caller(signed())
    wrong = with_headers(signed(), authorization=signed().headers[b"authorization"].decode()[:-1] + "x")
    assert refusal_of(verification, wrong)[0] == "InvalidSignatureException"


@pytest.mark.parametrize(
    "changed",
    [
        signed()._replace(body=b'{"Limit":1}'),
        signed()._replace(target=b"/other"),
        signed()._replace(target=b"/?a=b"),
        signed()._replace(method=b"PUT"),
        with_headers(signed(), x_amz_target="Kinesis_20131202.DescribeLimits"),
        with_headers(signed(), host="elsewhere"),
        with_headers(signed(), x_amz_content_sha256="UNSIGNED-PAYLOAD"),
        signed(KEY._replace(secret_access_key="the wrong one")),
        signed(changes=("eu-west-1", "eu-west-2")),
        signed(changes=(";x-amz-target", "")),
    ],
)
def test_a_request_that_is_not_the_one_that_was_signed_is_refused(
    verification: Verification, changed: HttpRequest
) -> None:
    code, message = refusal_of(verification, changed)
    assert code == "InvalidSignatureException"
    assert message.startswith(MISMATCH)


def test_a_mismatch_tells_what_should_have_been_signed(verification: Verification) -> None:
    request = signed(KEY._replace(secret_access_key="the wrong one"))
    canonical = (
        "POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:127.0.0.1:4566\n"
        f"x-amz-date:{NOW}\nx-amz-target:Kinesis_20131202.ListStreams\n\n"
        f"content-type;host;x-amz-date;x-amz-target\n{sha256(BODY).hexdigest()}"
    )
    to_sign = (
        f"AWS4-HMAC-SHA256\n{NOW}\n20261120/eu-west-1/kinesis/aws4_request\n"
        f"{sha256(canonical.encode()).hexdigest()}"
    )
    assert refusal_of(verification, request) == (
        "InvalidSignatureException",
        (
            f"{MISMATCH}\n\nThe Canonical String for this request should have been\n'{canonical}'\n\n"
            f"The String-to-Sign should have been\n'{to_sign}'\n"
        ),
    )


@pytest.mark.parametrize("off_s", [-300, 0, 300])
def test_a_signature_is_good_five_minutes_before_and_after(
    verification: Verification, clock: ManualClock, off_s: int
) -> None:
    clock.advance_ms(off_s * 1000)
    assert verification.caller(signed())


@pytest.mark.parametrize(
    ("timestamp", "message"),
    [
        (
            "20261120T092459Z",
            (
                "Signature expired: 20261120T092459Z is now earlier than 20261120T092500Z "
                "(20261120T093000Z - 5 min.)"
            ),
        ),
        (
            "20261120T093501Z",
            (
                "Signature not yet current: 20261120T093501Z is still later than 20261120T093500Z "
                "(20261120T093000Z + 5 min.)"
            ),
        ),
    ],
)
def test_a_signature_of_another_time_is_refused(
    verification: Verification, timestamp: str, message: str
) -> None:
    assert refusal_of(verification, signed(timestamp=timestamp)) == ("InvalidSignatureException", message)


@pytest.mark.parametrize("date", ["2026-11-20T09:30:00Z", "20261320T093000Z", "20261120", "soon", ""])
def test_a_date_has_the_basic_format(verification: Verification, date: str) -> None:
    assert refusal_of(verification, with_headers(signed(), x_amz_date=date)) == (
        "IncompleteSignatureException",
        f"Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601",
    )


def test_the_date_may_be_the_one_of_http(verification: Verification, clock: ManualClock) -> None:
    date = format_datetime(datetime.fromtimestamp(NOW_MS // 1000, UTC), usegmt=True).encode()
    headers = {b"host": b"h", b"date": date}
    scope = Scope(NOW[:8], "eu-west-1", "kinesis")
    proof = signature_of(
        SignedRequest(b"POST", b"/", headers, BODY), ["date", "host"], KEY.secret_access_key, NOW, scope
    )
    authorization = (
        f"AWS4-HMAC-SHA256 Credential=AKID/{scope}, SignedHeaders=date;host, Signature={proof}".encode()
    )
    request = HttpRequest(b"POST", b"/", {**headers, b"authorization": authorization}, BODY)
    assert verification.caller(request)
    clock.advance_ms(301_000)
    assert refusal_of(verification, request)[1].startswith(f"Signature expired: {NOW} is now earlier")


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        (
            signed(changes=("host;", "")),
            "InvalidSignatureException",
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            signed(changes=("x-amz-date;", "")),
            "InvalidSignatureException",
            "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            signed(changes=("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512")),
            "IncompleteSignatureException",
            "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'.",
        ),
        (
            signed(changes=("/aws4_request", "")),
            "IncompleteSignatureException",
            (
                "Credential must have exactly 5 slash-delimited elements, "
                "e.g. keyid/date/region/service/term, got 'AKID/20261120/eu-west-1/kinesis'"
            ),
        ),
        (
            signed(service="dynamodb"),
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'kinesis'. ",
        ),
        (
            signed(changes=("kinesis/aws4_request", "s3/aws5")),
            "InvalidSignatureException",
            (
                "Credential should be scoped to correct service: 'kinesis'. "
                "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'. "
            ),
        ),
        (
            signed(region="eu.west"),
            "InvalidSignatureException",
            "Credential should be scoped to a valid region. ",
        ),
        (
            with_headers(signed(timestamp="20261119T093000Z"), x_amz_date=NOW),
            "InvalidSignatureException",
            (
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'20261119' != '20261120', from '{NOW}'. "
            ),
        ),
        (signed(KEY._replace(access_key_id="NOBODY")), "UnrecognizedClientException", UNKNOWN_KEY),
        (signed(KEY._replace(access_key_id="")), "UnrecognizedClientException", UNKNOWN_KEY),
        (signed(KEY._replace(session_token="x")), "UnrecognizedClientException", UNKNOWN_KEY),
        (signed(SESSION._replace(session_token=None)), "UnrecognizedClientException", UNKNOWN_KEY),
        (signed(SESSION._replace(session_token="x")), "UnrecognizedClientException", UNKNOWN_KEY),
        (signed(EXPIRED), "ExpiredTokenException", "The security token included in the request is expired"),
    ],
)
def test_each_fault_has_its_error(
    verification: Verification, changed: HttpRequest, code: str, message: str
) -> None:
    assert refusal_of(verification, changed) == (code, message)


def test_a_signature_in_the_query_is_good_for_as_long_as_it_says(
    verification: Verification, clock: ManualClock
) -> None:
    for request in (presigned(600), presigned(600, SESSION)):
        clock.set_ms(NOW_MS)
        assert verification.caller(request)
        clock.set_ms(NOW_MS + 600_000)
        assert verification.caller(request)
        clock.set_ms(NOW_MS + 601_000)
        assert refusal_of(verification, request) == (
            "InvalidSignatureException",
            (
                "Signature expired: 20261120T093000Z is now earlier than 20261120T093001Z "
                "(20261120T094001Z - 10 min.)"
            ),
        )
    clock.set_ms(NOW_MS - 301_000)
    assert refusal_of(verification, presigned(600))[1].startswith("Signature not yet current")


@pytest.mark.parametrize(
    ("lifetime_s", "message"),
    [
        ("soon", "X-Amz-Expires should be a number."),
        ("-1", "X-Amz-Expires should be a number."),
        (604_801, "X-Amz-Expires must be less than a week (in seconds)"),
    ],
)
def test_a_life_of_a_signature_has_its_limits(
    verification: Verification, lifetime_s: int | str, message: str
) -> None:
    code, told = refusal_of(verification, presigned(lifetime_s))
    assert code == "InvalidSignatureException"
    assert told.startswith(message)


def test_a_presigned_request_that_was_changed_is_refused(verification: Verification) -> None:
    request = presigned()
    longer = request._replace(target=request.target.replace(b"X-Amz-Expires=60", b"X-Amz-Expires=61"))
    for changed in (longer, request._replace(body=b""), presigned(key=KEY._replace(secret_access_key="x"))):
        assert refusal_of(verification, changed)[1].startswith(MISMATCH)
    assert refusal_of(verification, presigned(key=SESSION._replace(session_token="x"))) == (
        "UnrecognizedClientException",
        UNKNOWN_KEY,
    )


# The same over the wire, with real clients.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    path = tmp_path_factory.mktemp("verification") / "credentials"
    path.touch(mode=0o600)
    path.write_text(
        f"[default]\naws_access_key_id = {KEY.access_key_id}\n"
        f"aws_secret_access_key = {KEY.secret_access_key}\n"
    )
    with clocked_server(
        time_ns() // 1_000_000,
        credentials=path,
        access_key_id=SESSION.access_key_id,
        secret_access_key=SESSION.secret_access_key,
        session_token=SESSION.session_token,
    ) as started:
        yield started


@pytest.fixture
def now(server: ClockedServer) -> Iterator[ManualClock]:
    """The server's clock, set right before and after."""
    server.clock.set_ms(time_ns() // 1_000_000)
    yield server.clock
    server.clock.set_ms(time_ns() // 1_000_000)


@pytest.fixture
def client_with(server: ClockedServer) -> Iterator[Callable[..., Any]]:
    clients = []

    def make(key: Key) -> Any:
        client = boto3.client(
            "kinesis",
            endpoint_url=server.endpoint_url,
            region_name="eu-west-1",
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            aws_session_token=key.session_token,
            config=Config(retries={"total_max_attempts": 1}),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def boto_refusal(client: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        client.list_streams()
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def ask(server: ClockedServer, target: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(server.endpoint_url).netloc, timeout=RETRY_FOR_S)
    connection.putrequest("POST", target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        for one in value.split("|"):  # several headers of one name
            connection.putheader(name, one)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


def utc(server: ClockedServer) -> str:
    return datetime.fromtimestamp(server.clock.now_ms() // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


@pytest.mark.parametrize("key", [KEY, SESSION])
def test_boto3_with_the_right_key_is_let_in(
    now: ManualClock, client_with: Callable[..., Any], key: Key
) -> None:
    client = client_with(key)
    name = f"stream-of-{key.access_key_id}"
    client.create_stream(StreamName=name, ShardCount=1)
    now.advance_ms(200)
    placed = client.put_record(StreamName=name, Data=b"x" * 100_000, PartitionKey="é")
    assert placed["ShardId"] == "shardId-000000000000"


@pytest.mark.parametrize(
    ("key", "code", "message"),
    [
        (KEY._replace(secret_access_key="wrong"), "InvalidSignatureException", MISMATCH),
        (KEY._replace(access_key_id="NOBODY"), "UnrecognizedClientException", UNKNOWN_KEY),
        (SESSION._replace(session_token=None), "UnrecognizedClientException", UNKNOWN_KEY),
    ],
)
def test_boto3_with_a_wrong_key_is_not_let_in(
    now: ManualClock, client_with: Callable[..., Any], key: Key, code: str, message: str
) -> None:
    told, text = boto_refusal(client_with(key))
    assert told == code
    assert text.startswith(message)


@pytest.mark.parametrize(("off_ms", "what"), [(302_000, "expired"), (-302_000, "not yet current")])
def test_boto3_with_a_clock_that_is_off_is_told_so(
    now: ManualClock, client_with: Callable[..., Any], off_ms: int, what: str
) -> None:
    now.advance_ms(off_ms)
    code, message = boto_refusal(client_with(KEY))
    assert code == "InvalidSignatureException"
    assert re.match(rf"Signature {what}: \d{{8}}T\d{{6}}Z is ", message)


@pytest.mark.long  # everyday: boto3, whose signatures are the same
@pytest.mark.parametrize(
    ("secret", "error"), [(KEY.secret_access_key, ""), ("x", "InvalidSignatureException")]
)
def test_the_aws_cli_is_let_in_by_its_secret(
    server: ClockedServer, now: ManualClock, secret: str, error: str
) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables |= {
        "AWS_ACCESS_KEY_ID": KEY.access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_ENDPOINT_URL_KINESIS": server.endpoint_url,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }
    command = [sys.executable, "-m", "awscli", "kinesis", "list-streams"]
    ended = subprocess.run(
        command, env=variables, capture_output=True, text=True, check=False, timeout=RETRY_FOR_S
    )
    assert (ended.returncode == 0) == (not error)
    assert error in ended.stderr
    assert error or "StreamNames" in json.loads(ended.stdout)


def test_a_presigned_request_of_botocore_is_let_in(server: ClockedServer, now: ManualClock) -> None:
    class PresignsBody(SigV4QueryAuth):  # type: ignore[misc]
        def payload(self, request: AWSRequest) -> str:
            return sha256(BODY).hexdigest()

    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": urlsplit(server.endpoint_url).netloc,
        "x-amz-target": "Kinesis_20131202.ListStreams",
    }
    request = AWSRequest("POST", server.endpoint_url + "/", headers)
    PresignsBody(Credentials(*SESSION), "kinesis", "eu-west-1", expires=600).add_auth(request)
    target = request.url.removeprefix(server.endpoint_url)
    assert ask(server, target, headers, BODY)[0] == 200
    now.advance_ms(500_000)
    assert ask(server, target, headers, BODY)[0] == 200
    now.advance_ms(102_000)
    status, answer = ask(server, target, headers, BODY)
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")


@pytest.mark.parametrize("said", ["", "0" * 64, "UNSIGNED-PAYLOAD"])
def test_every_header_may_be_signed_and_given_twice(
    server: ClockedServer, now: ManualClock, said: str
) -> None:
    sent = {name.decode(): value.decode() for name, value in HEADERS.items()} | {
        "x-amz-content-sha256": said,
        "x-twice": " one|  two  words ",
        "user-agent": "me",
    }
    joined = {name.encode(): value.strip().replace("|", ",").encode() for name, value in sent.items()}
    # A value's own space is trimmed before the values are joined, as it is on the wire.
    joined[b"x-twice"] = b"one,two words"
    added = sign(
        SignedRequest(b"POST", b"/x/../?b=1&a=%7E", joined, BODY), KEY, utc(server), "eu-west-1", "kinesis"
    )
    sent |= {name.decode(): value.decode() for name, value in added.items()}
    assert ask(server, "/x/../?b=1&a=%7E", sent, BODY)[0] == 200
    sent["x-twice"] = "one"
    assert ask(server, "/x/../?b=1&a=%7E", sent, BODY)[1]["__type"] == "InvalidSignatureException"


def chunked(server: ClockedServer, secret: str, *data: bytes) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a request in signed chunks."""
    timestamp = utc(server)
    scope = Scope(timestamp[:8], "eu-west-1", "kinesis")
    headers = HEADERS | {
        b"content-encoding": b"aws-chunked",
        b"x-amz-content-sha256": b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        b"x-amz-decoded-content-length": b"%d" % sum(map(len, data)),
    }
    key = KEY._replace(secret_access_key=secret)
    headers |= sign(SignedRequest(b"POST", b"/", headers, b""), key, timestamp, "eu-west-1", "kinesis")
    before = headers[b"authorization"].decode()[-64:]
    body = b""
    for one in (*data, b""):
        hashes = f"{sha256(b'').hexdigest()}\n{sha256(one).hexdigest()}"
        signed = f"AWS4-HMAC-SHA256-PAYLOAD\n{timestamp}\n{scope}\n{before}\n{hashes}".encode()
        before = signature(secret, scope, signed)
        body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(one), before.encode(), one)
    return {name.decode(): value.decode() for name, value in headers.items()}, body


def test_a_body_in_signed_chunks_is_put_together(server: ClockedServer, now: ManualClock) -> None:
    headers, body = chunked(server, KEY.secret_access_key, b'{"Limit', b'":10}')
    assert ask(server, "/", headers, body)[0] == 200
    headers, body = chunked(server, KEY.secret_access_key, b'{"Limit', b'":"x"}')
    assert ask(server, "/", headers, body)[1]["__type"] == "SerializationException"
    headers, body = chunked(server, KEY.secret_access_key, b'{"Limit', b'":10')
    assert ask(server, "/", headers, body)[1] == {"__type": "SerializationException"}


def test_a_body_whose_chunks_are_not_right_is_refused(server: ClockedServer, now: ManualClock) -> None:
    headers, body = chunked(server, "wrong", b'{"Limit', b'":10}')
    status, answer = ask(server, "/", headers, body)
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")
    headers, body = chunked(server, KEY.secret_access_key, b'{"Limit', b'":10}')
    assert ask(server, "/", headers, body.replace(b"10}", b"11}"))[1] == {
        "__type": "InvalidSignatureException",
        "message": MISMATCH,
    }
    assert ask(server, "/", headers, body[:-5])[1] == {"__type": "SerializationException"}
    headers["x-amz-decoded-content-length"] = "1"
    assert ask(server, "/", headers, body)[1] == {"__type": "SerializationException"}


def test_a_body_that_does_not_parse_is_told_before_a_wrong_signature(
    server: ClockedServer, now: ManualClock
) -> None:
    headers = {name.decode(): value.decode() for name, value in HEADERS.items()}
    assert ask(server, "/", headers, b"{")[1] == {"__type": "SerializationException"}
    assert ask(server, "/", headers, b"{}")[1]["__type"] == "MissingAuthenticationTokenException"


def test_the_clients_that_upgrade_are_verified_too(server: ClockedServer, now: ManualClock) -> None:
    headers = {name.decode(): value.decode() for name, value in HEADERS.items()}
    added = sign(SignedRequest(b"POST", b"/", HEADERS, BODY), KEY, utc(server), "eu-west-1", "kinesis")
    headers |= {name.decode(): value.decode() for name, value in added.items()}
    headers |= {
        "connection": "Upgrade, HTTP2-Settings",
        "upgrade": "h2c",
        "http2-settings": "AAMAAABkAAQCAAAAAAIAAAAA",
    }
    assert ask(server, "/", headers, BODY)[0] == 200


def test_only_a_known_caller_may_reset_the_server(server: ClockedServer, now: ManualClock) -> None:
    reset = f"{server.endpoint_url}/_headwater/reset"
    unsigned = AWSRequest("POST", reset)
    signed = AWSRequest("POST", reset)
    SigV4Auth(Credentials(KEY.access_key_id, KEY.secret_access_key), "kinesis", "eu-west-1").add_auth(signed)
    session = URLLib3Session()
    refused = session.send(unsigned.prepare())
    assert refused.status_code == 400
    assert b"MissingAuthenticationTokenException" in refused.content
    assert session.send(signed.prepare()).status_code == 200
    assert (
        session.send(AWSRequest("GET", f"{server.endpoint_url}/_headwater/health").prepare()).status_code
        == 200
    )
    session.close()
