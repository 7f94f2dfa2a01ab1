from __future__ import annotations

import gc
import itertools
import json
import operator
import re
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any, cast

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from headwater.api.operation import Operation
from headwater.engine.engine import Engine
from headwater.model.caller import Caller
from headwater.model.clock import ManualClock
from headwater.model.completion import Completion
from headwater.model.errors import ResourceNotFoundException, ValidationException
from headwater.server.access.authentication import Authentication
from headwater.server.access.cross_origin import OriginPolicy
from headwater.server.access.host_names import HostPolicy
from headwater.server.admin import Admin
from headwater.server.dispatch import Dispatch
from headwater.server.http.exchange import HttpRequest, HttpResponse, RecurringHeaders
from headwater.server.neighbour import Neighbour
from headwater.server.request_log import RequestLog
from headwater.server.wire_formats import WIRE_FORMATS
from headwater.storage.interface import StoreUnavailable
from headwater.wire import cbor_format, json_format
from tests.waiting import wait_until

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKID/20261120/eu-west-1/kinesis/aws4_request, "
    "SignedHeaders=host, Signature=0a0a"
)
SIGNED = {"Authorization": AUTHORIZATION, "X-Amz-Date": "20261120T000000Z"}
AMZ_JSON = {"Content-Type": "application/x-amz-json-1.1"}
ACCESS_DENIED = (
    b"<AccessDeniedException>\n"
    b"  <Message>Unable to determine service/operation name to be authorized</Message>\n"
    b"</AccessDeniedException>\n"
)


@dataclass
class TinyEngine:
    gate: Completion[None] = field(default_factory=Completion)

    def behind_s(self) -> float:
        return 0.0

    def lease_status(self) -> None:
        return None

    def stream_count(self) -> int:
        return 3

    def now_ms(self) -> int:
        return 0

    def tick(self) -> None:
        pass

    async def reset(self) -> None:
        raise StoreUnavailable("not in these tests")


async def who_am_i(engine: Any, caller: Caller, request: Any) -> dict[str, Any]:
    return {"Account": caller.account_id, "Region": caller.region, "Request": request}


async def say_nothing(engine: Any, caller: Caller, request: Any) -> None:
    return None


async def wait_for_gate(engine: TinyEngine, caller: Caller, request: Any) -> dict[str, Any]:
    await engine.gate
    return {"Waited": True}


async def miss(engine: Any, caller: Caller, request: Any) -> None:
    raise ResourceNotFoundException("Stream x under account 000000000000 not found.")


async def fail_to_store(engine: Any, caller: Caller, request: Any) -> None:
    raise StoreUnavailable("disk full")


class HeldData:
    """Something that only a request has."""


HELD: list[weakref.ref[HeldData]] = []


async def fail_with_what_is_held(error: Exception, engine: Any, caller: Caller, request: Any) -> None:
    data, ended = HeldData(), Completion[None]()
    HELD.append(weakref.ref(data))
    ended.fail(error)
    await ended
    assert data


async def break_down(engine: Any, caller: Caller, request: Any) -> None:
    raise ZeroDivisionError("a fault")


async def answer_nonsense(engine: Any, caller: Caller, request: Any) -> dict[str, Any]:
    return {"What": object()}


ROWS: dict[str, Any] = {
    "WhoAmI": who_am_i,
    "SayNothing": say_nothing,
    "WaitForGate": wait_for_gate,
    "Miss": miss,
    "FailToStore": fail_to_store,
    "FailToStoreWhatIsHeld": partial(fail_with_what_is_held, StoreUnavailable("disk full")),
    "RefuseWhatIsHeld": partial(fail_with_what_is_held, ValidationException("too large")),
    "BreakDownWithWhatIsHeld": partial(fail_with_what_is_held, ZeroDivisionError("a fault")),
    "BreakDown": break_down,
    "AnswerNonsense": answer_nonsense,
    "NotYet": None,
}


def accept(name: str, body: bytes) -> Any:
    document = json_format.decode(body)
    if document.get("Invalid"):
        raise ValidationException("1 validation error detected: no")
    return document


def api_dispatch(
    write: Callable[[str], object],
    soon: Callable[[Callable[[], None]], object],
    engine: TinyEngine | None = None,
    allow_origins: tuple[str, ...] = (),
    neighbours: tuple[Neighbour, ...] = (),
) -> Dispatch:
    engine = engine or TinyEngine()
    return Dispatch(
        cast("Engine", engine),
        {
            name: Operation(name, handler and partial(cast, "Handler", handler))
            for name, handler in ROWS.items()
        },
        {
            content_type: msgspec.structs.replace(form, accept=accept)
            for content_type, form in WIRE_FORMATS.items()
        },
        authentication=Authentication("000000000000", "us-east-1"),
        hosts=HostPolicy((), ()),
        origins=OriginPolicy(allow_origins),
        log=RequestLog(write, ManualClock(), soon),
        admin=Admin(engine),
        neighbours=neighbours,
    )


class Api:
    """Sends requests to a `Dispatch` on a real port, and reads its log."""

    def __init__(
        self,
        start: Callable[..., Any],
        allow_origins: tuple[str, ...] = (),
        neighbours: tuple[Neighbour, ...] = (),
    ) -> None:
        self.logged: list[str] = []
        self.engine = TinyEngine()
        self.dispatch = api_dispatch(self.logged.append, self._soon, self.engine, allow_origins, neighbours)
        self.server = start(self.dispatch, body_bytes=10_000)

    def _soon(self, flush: Callable[[], None]) -> None:
        self.server.loop.call_soon(flush)

    def ask(self, headers: dict[str, str], body: bytes = b"", method: str = "POST", target: str = "/") -> Any:
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        head = f"{method} {target} HTTP/1.1\r\n{''.join(lines)}Content-Length: {len(body)}\r\n\r\n"
        return self.server.ask(head.encode("latin-1") + body, has_body=method != "HEAD")

    def call(self, operation: str, body: bytes = b"{}", **changes: str | None) -> Any:
        """A call in good order, but for `changes` to its headers (`Content_Type=None` leaves it out)."""
        headers = {**AMZ_JSON, **SIGNED, "X-Amz-Target": f"Kinesis_20131202.{operation}"}
        headers |= {name.replace("_", "-"): value for name, value in changes.items() if value is not None}
        for name, value in changes.items():
            if value is None:
                del headers[name.replace("_", "-")]
        return self.ask(headers, body)

    @property
    def log(self) -> str:
        self.server.call(lambda: None)
        return "".join(self.logged)


@pytest.fixture
def api(loopback: Any) -> Api:
    return Api(loopback)


def error(reply: Any) -> tuple[int, dict[str, Any]]:
    assert reply.headers["Content-Type"] == "application/x-amz-json-1.1"
    return reply.status, json.loads(reply.body)


# When all is well


def test_a_call_reaches_its_operation(api: Api) -> None:
    reply = api.call("WhoAmI", b'{"A": 1}')
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert json.loads(reply.body) == {"Account": "000000000000", "Region": "eu-west-1", "Request": {"A": 1}}


def test_any_path_will_do_and_the_content_type_may_have_parameters(api: Api) -> None:
    headers = {**SIGNED, "X-Amz-Target": "Kinesis_20131202.WhoAmI"}
    headers["content-TYPE"] = " application/x-amz-json-1.1 ; charset=utf-8"
    assert api.ask(headers, b"{}", target="/any/path?x=y").status == 200


def test_an_operation_without_output_answers_an_empty_body(api: Api) -> None:
    reply = api.call("SayNothing")
    assert reply.status == 200
    assert reply.body == b""
    assert reply.headers["Content-Length"] == "0"
    assert reply.headers["Content-Type"] == "application/x-amz-json-1.1"


def test_an_operation_may_answer_later(api: Api) -> None:
    peer = api.server.connect()
    peer.send(
        (
            "POST / HTTP/1.1\r\nX-Amz-Target: Kinesis_20131202.WaitForGate\r\nX-Amz-Date: x\r\n"
            f"Content-Type: application/x-amz-json-1.1\r\nAuthorization: {AUTHORIZATION}\r\n"
            "Content-Length: 2\r\n\r\n{}"
        ).encode()
    )
    assert api.server.is_silent_to(peer)
    api.server.call(lambda: api.engine.gate.resolve(None))
    assert peer.reply().body == b'{"Waited":true}'


def test_every_answer_has_ids_of_its_own_in_the_form_of_aws(api: Api) -> None:
    replies = [api.call("WhoAmI"), api.call("Miss"), api.ask({}, method="GET"), api.ask({}, b"x" * 10_001)]
    for reply in replies:
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", reply.headers["x-amzn-RequestId"])
        assert re.fullmatch(r"[0-9A-Za-z+/]{96}", reply.headers["x-amz-id-2"])
    assert len({reply.headers["x-amzn-RequestId"] for reply in replies}) == 4
    assert len({reply.headers["x-amz-id-2"] for reply in replies}) == 4


# The order of checks


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_a_method_other_than_post_is_denied(api: Api, method: str) -> None:
    reply = api.ask({"X-Amz-Target": "Kinesis_20131202.WhoAmI"}, method=method)
    assert reply.status == 403
    assert reply.headers["Content-Length"] == str(len(ACCESS_DENIED))
    assert reply.body == (b"" if method == "HEAD" else ACCESS_DENIED)
    assert "Content-Type" not in reply.headers


@pytest.mark.parametrize("content_type", ["application/x-amz-json-1.1", "application/json", "text/html", ""])
def test_an_empty_body_is_seen_before_its_content_type(api: Api, content_type: str) -> None:
    is_json = content_type == "application/x-amz-json-1.1"
    decode = json_format.decode if is_json else cbor_format.decode
    answered_in = content_type if is_json else "application/x-amz-cbor-1.1"
    for target, code in (
        ("Kinesis_20131202.WhoAmI", "SerializationException"),
        ("Kinesis_20131202.NotYet", "SerializationException"),
        ("Kinesis_20131202.Nothing", "UnknownOperationException"),
        (None, "UnknownOperationException"),
    ):
        reply = api.call("", b"", Content_Type=content_type, X_Amz_Target=target)
        assert reply.status == 400
        assert reply.headers["Content-Type"] == answered_in
        assert decode(reply.body) == {"__type": code}


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/x-amz-json-1.0"])
def test_an_unknown_content_type_ends_in_xml(api: Api, content_type: str | None) -> None:
    for target in (None, "", "Kinesis_20131202", "Kinesis_20131202.", ".WhoAmI"):
        reply = api.call("", b"{", Content_Type=content_type, X_Amz_Target=target)
        assert (reply.status, reply.body) == (403, ACCESS_DENIED)
    for target in ("Kinesis_20131202.WhoAmI", "a.b"):
        reply = api.call("", b"{", Content_Type=content_type, X_Amz_Target=target)
        assert (reply.status, reply.body) == (404, b"<UnknownOperationException/>\n")


@pytest.mark.parametrize("body", [b"{", b"hello", b"\xff", b"[]", b"1", b'"text"', b"null"])
def test_a_body_that_is_no_object_is_seen_before_what_it_was_for(api: Api, body: bytes) -> None:
    for changes in (
        {},
        {"X_Amz_Target": "Kinesis_20131202.Nothing"},
        {"X_Amz_Target": "Kinesis_20131202.NotYet"},
        {"X_Amz_Target": None},
        {"Authorization": None},
        {"Authorization": "nonsense"},
    ):
        assert error(api.call("WhoAmI", body, **changes)) == (400, {"__type": "SerializationException"})


def test_plain_json_goes_no_further_than_its_body(api: Api) -> None:
    for body, status, code in (
        (b"{}", 404, "UnknownOperationException"),
        (b"{", 400, "SerializationException"),
    ):
        reply = api.call("WhoAmI", body, Content_Type="application/json")
        assert reply.status == status
        assert reply.headers["Content-Type"] == "application/json"
        assert json.loads(reply.body) == {
            "Output": {"__type": f"com.amazon.coral.service#{code}"},
            "Version": "1.0",
        }


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "WhoAmI",
        "Kinesis_20131202.whoami",
        "Kinesis_20131202.WhoAmI.x",
        "Kinesis_20111202.WhoAmI",
        "DynamoDB_20120810.WhoAmI",
        "Kinesis_20131202.NotYet",
    ],
)
def test_an_unknown_operation_is_seen_before_authentication(api: Api, target: str | None) -> None:
    reply = api.call("", X_Amz_Target=target, Authorization=None)
    assert error(reply) == (400, {"__type": "UnknownOperationException"})


def test_authentication_is_seen_before_the_request_is_validated(api: Api) -> None:
    reply = api.call("WhoAmI", b'{"Invalid": true}', Authorization=None)
    assert error(reply) == (
        400,
        {"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"},
    )


def test_validation_is_seen_before_the_operation(api: Api) -> None:
    status, document = error(api.call("Miss", b'{"Invalid": true}'))
    assert (status, document["__type"]) == (400, "ValidationException")


# Errors


def test_an_error_of_the_operation_is_answered_and_logged(api: Api) -> None:
    assert error(api.call("Miss")) == (
        400,
        {
            "__type": "ResourceNotFoundException",
            "message": "Stream x under account 000000000000 not found.",
        },
    )
    assert "AWS kinesis.Miss => 400 (ResourceNotFoundException: Stream x under account" in api.log


def test_every_error_is_named_in_a_header_too(api: Api) -> None:
    for reply, code in (
        (api.call("Miss"), "ResourceNotFoundException"),
        (api.call("Miss", Content_Type="application/x-amz-json-1.1; charset=x"), "ResourceNotFoundException"),
        (api.call("WhoAmI", body=b"{"), "SerializationException"),
        (api.call("WhoAmI", Authorization=None), "MissingAuthenticationTokenException"),
        (api.call("NoSuch"), "UnknownOperationException"),
        (api.call("WhoAmI", Content_Type="application/json"), "UnknownOperationException"),
        (api.ask(SIGNED, method="GET"), "AccessDeniedException"),
        (api.call("BreakDown"), "InternalFailure"),
        (api.call("WhoAmI", body=b"x" * 10_001), "RequestEntityTooLargeException"),
    ):
        assert reply.status >= 400
        assert reply.headers["x-amzn-ErrorType"] == code
    assert "x-amzn-ErrorType" not in api.call("WhoAmI").headers


def test_a_store_that_cannot_write_is_an_internal_failure(api: Api) -> None:
    status, document = error(api.call("FailToStore"))
    assert (status, document["__type"]) == (500, "InternalFailure")
    assert "disk full" in api.log


@pytest.mark.parametrize(
    "operation",
    ["FailToStoreWhatIsHeld", "RefuseWhatIsHeld", "BreakDownWithWhatIsHeld"],
)
def test_a_request_that_has_failed_is_freed_without_the_collector(api: Api, operation: str) -> None:
    gc.disable()
    try:
        assert error(api.call(operation))[0] >= 400
        wait_until(lambda: HELD[-1]() is None)
    finally:
        gc.enable()


@pytest.mark.parametrize("operation", ["BreakDown", "AnswerNonsense"])
def test_a_fault_is_logged_with_its_traceback_and_the_connection_lives(api: Api, operation: str) -> None:
    peer = api.server.connect()
    for _ in range(2):
        peer.send(
            (
                f"POST / HTTP/1.1\r\nX-Amz-Target: Kinesis_20131202.{operation}\r\nX-Amz-Date: x\r\n"
                f"Content-Type: application/x-amz-json-1.1\r\nAuthorization: {AUTHORIZATION}\r\n"
                "Content-Length: 2\r\n\r\n{}"
            ).encode()
        )
        assert error(peer.reply()) == (500, {"__type": "InternalFailure"})
    assert "Traceback" in api.log


def test_a_body_over_the_limit_is_refused_with_ids_and_a_log_line(api: Api) -> None:
    status, document = error(api.call("WhoAmI", b"x" * 10_001))
    assert (status, document["__type"]) == (413, "RequestEntityTooLargeException")
    assert "HTTP => 413 (RequestEntityTooLargeException: The request's body" in api.log


# Web pages


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.com",
        "null",
        "http://localhost.example.com",
        "http://127.0.0.1.nip.io:80",
        "http://localhost:80@example.com",
        "",
    ],
)
def test_foreign_pages_are_refused_everything(api: Api, origin: str) -> None:
    replies = [
        api.call("WhoAmI", Origin=origin),
        api.ask({"Origin": origin}, method="OPTIONS"),
        api.ask({"Origin": origin}, method="GET", target="/_headwater/health"),
        api.ask({"Origin": origin}, method="POST", target="/_headwater/reset"),
    ]
    for reply in replies:
        assert reply.status == 403
        assert b"is not trusted" in reply.body
        assert "Access-Control-Allow-Origin" not in reply.headers


@pytest.mark.parametrize(
    "origin", ["http://localhost", "https://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:1"]
)
def test_pages_of_this_machine_are_trusted(api: Api, origin: str) -> None:
    for reply in (api.call("WhoAmI", Origin=origin), api.call("Miss", Origin=origin)):
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.headers["Access-Control-Expose-Headers"] == (
            "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date"
        )


def test_a_browser_is_allowed_what_it_asks_for(api: Api) -> None:
    asked = {
        "Origin": "http://localhost",
        "Access-Control-Request-Headers": "x-amz-target,authorization",
        "Access-Control-Request-Method": "POST",
    }
    reply = api.ask(asked, method="OPTIONS")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Access-Control-Allow-Headers"] == "x-amz-target,authorization"
    assert reply.headers["Access-Control-Allow-Methods"] == "POST"
    assert reply.headers["Access-Control-Max-Age"] == "172800"
    assert "x-amzn-RequestId" in reply.headers
    assert "x-amz-id-2" not in reply.headers
    bare = api.ask({"Origin": "http://localhost"}, method="OPTIONS")
    assert bare.status == 200
    assert "Access-Control-Allow-Headers" not in bare.headers
    assert "Access-Control-Allow-Methods" not in bare.headers


def test_named_origins_are_trusted_and_others_are_not(loopback: Any) -> None:
    api = Api(loopback, allow_origins=("https://example.com/",))
    assert api.call("WhoAmI", Origin="https://example.com").status == 200
    assert api.call("WhoAmI", Origin="https://example.org").status == 403


def test_a_star_trusts_every_page(loopback: Any) -> None:
    api = Api(loopback, allow_origins=("*",))
    assert api.call("WhoAmI", Origin="https://example.org").status == 200
    assert api.call("WhoAmI", Origin="null").status == 200


class Answers(list[HttpResponse]):
    """A `Respond` that keeps what it is given."""

    def answer(self, response: HttpResponse) -> None:
        self.append(response)

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        raise NotImplementedError

    def cut(self) -> None:
        raise NotImplementedError


USUAL_HEAD = {
    b"x-amz-target": b"Kinesis_20131202.WhoAmI",
    b"content-type": b"application/x-amz-json-1.1",
    b"authorization": AUTHORIZATION.encode(),
    b"x-amz-date": b"20261120T000000Z",
    b"host": b"localhost",
}
OTHER_HEADERS: list[dict[bytes, bytes]] = [
    *(
        {b"x-amz-target": f"Kinesis_20131202.{name}".encode()}
        for name in (*ROWS, "No")
        if name != "WaitForGate"
    ),
    *({b"content-type": name} for name in (*WIRE_FORMATS, b"application/json", b"text/plain")),
    *({b"authorization": header} for header in (b"", b"AWS4-HMAC-SHA256 Credential=a")),
    {b"host": b"example.org"},
    *({b"origin": page} for page in (b"http://localhost:3000", b"http://example.org")),
    {b"referer": b"http://example.org/"},
]
METHODS = (b"POST", b"GET", b"OPTIONS")
TARGETS = (b"/", b"/?X-Amz-Algorithm=a", b"/_headwater/health")
BODIES = (b"{}", b"", b'{"a": 1}', b'{"Invalid": true}', b"{")


def assert_recurring_head_is_answered_as_another(
    head: dict[bytes, bytes], method: bytes, target: bytes, bodies: Sequence[bytes]
) -> None:
    logged: list[list[str]] = [[], []]
    flushes: list[Callable[[], None]] = []
    recurring = RecurringHeaders(head)
    answers = Answers(), Answers()
    first, second = (api_dispatch(lines.append, flushes.append) for lines in logged)
    for body in bodies:
        first.handle(HttpRequest(method, target, head, body), answers[0])
        second.handle(HttpRequest(method, target, recurring, body), answers[1])
    plain, again = ([(each.status, each.fields, each.body) for each in given] for given in answers)
    assert again == plain
    for flush in flushes:
        flush()
    told, told_again = (re.sub(r"\S+ ms \S+", "", "".join(lines)) for lines in logged)
    assert told == told_again
    assert told or target not in TARGETS[:2]


@pytest.mark.parametrize("change", [{}, *OTHER_HEADERS], ids=repr)
def test_a_head_that_recurs_is_answered_as_one_that_does_not(change: dict[bytes, bytes]) -> None:
    for method, target in itertools.product(METHODS, TARGETS):
        assert_recurring_head_is_answered_as_another(USUAL_HEAD | change, method, target, BODIES)


@given(
    st.lists(st.sampled_from(OTHER_HEADERS), max_size=3).map(
        lambda changes: reduce(operator.or_, changes, USUAL_HEAD)
    ),
    st.sampled_from(METHODS),
    st.sampled_from(TARGETS),
    st.lists(st.sampled_from(BODIES), min_size=1, max_size=4),
)
def test_a_head_that_recurs_with_several_oddities_is_answered_as_one_that_does_not(
    head: dict[bytes, bytes], method: bytes, target: bytes, bodies: list[bytes]
) -> None:
    assert_recurring_head_is_answered_as_another(head, method, target, bodies)


def test_a_head_that_recurs_is_looked_at_once() -> None:
    headers, answers = RecurringHeaders(USUAL_HEAD), Answers()
    dispatch = api_dispatch(lambda _: None, lambda _: None)
    for number in range(3):
        dispatch.handle(HttpRequest(b"POST", b"/", headers, b'{"Number": %d}' % number), answers)
    assert [json.loads(bytes(answer.body))["Request"]["Number"] for answer in answers] == [0, 1, 2]
    noted = headers.found
    dispatch.handle(HttpRequest(b"POST", b"/", headers, b"{}"), answers)
    assert headers.found is noted
