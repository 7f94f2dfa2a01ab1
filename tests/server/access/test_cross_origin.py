"""What a browser says of the page behind a request decides what that may do."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.server.access.cross_origin import OriginPolicy, Trust
from tests.server.test_dispatch import Api
from tests.server.test_neighbour import Echo, signed_for

OWN = "http://localhost:4567"
OTHER_PORT = "http://localhost:3000"
FOREIGN = "https://example.com"
NAMED = "https://app.example"


def trust(site: str | None, origin: str | None = None, referer: str | None = None) -> Trust:
    said = {"sec-fetch-site": site, "origin": origin, "referer": referer, "host": "localhost:4567"}
    headers = {name.encode(): text.encode() for name, text in said.items() if text is not None}
    return OriginPolicy((NAMED,)).trust_in(headers)


@pytest.mark.parametrize(
    ("site", "origin", "referer"),
    [
        (None, None, None),  # an SDK
        (None, None, ""),
        ("none", None, None),  # a typed address
        ("same-origin", None, None),  # an own page that keeps its address to itself
        ("same-origin", OWN, None),
        ("same-origin", None, f"{OWN}/_headwater/console/"),
        ("same-origin", OTHER_PORT, None),  # a proxy between a page and the server
        (None, OWN, f"{OWN}/_headwater/console/"),  # under a name to which browsers say no more
        (None, None, f"{OWN}/_headwater/console/"),
    ],
)
def test_programs_users_and_own_pages_may_do_everything(
    site: str | None, origin: str | None, referer: str | None
) -> None:
    assert trust(site, origin, referer) is Trust.WHOLE


@pytest.mark.parametrize("site", [None, "cross-site", "same-site"])
@pytest.mark.parametrize(("origin", "referer"), [(NAMED, None), (None, f"{NAMED}/page?a=b")])
def test_named_pages_may_do_everything_from_elsewhere(
    site: str | None, origin: str | None, referer: str | None
) -> None:
    assert trust(site, origin, referer) is Trust.NAMED


@pytest.mark.parametrize(
    ("site", "origin"),
    [
        (None, OTHER_PORT),
        ("same-site", OTHER_PORT),
        ("cross-site", "http://127.0.0.1:3000"),
        ("same-site", OWN),
    ],
)
def test_other_pages_of_this_machine_may_call_the_api_alone(site: str | None, origin: str) -> None:
    assert trust(site, origin) is Trust.STREAMS


@pytest.mark.parametrize(
    ("site", "origin", "referer"),
    [
        ("cross-site", None, None),
        ("same-site", None, None),
        ("of-a-kind-to-come", None, None),
        ("cross-site", FOREIGN, None),
        (None, FOREIGN, None),
        ("none", FOREIGN, None),
        ("same-origin", FOREIGN, None),
        (None, "null", None),
        ("same-origin", "null", None),
        ("cross-site", "null", f"{OWN}/"),
        (None, None, f"{FOREIGN}/"),
        (None, None, "about:blank"),
        (None, None, f"{OTHER_PORT}/"),
        ("same-site", None, f"{OTHER_PORT}/"),
        ("cross-site", None, f"{OWN}/"),  # led away and back
        ("same-site", None, f"{OWN}/"),
        (None, "", None),
        (None, f"{OWN}.example.com", None),
        (None, None, "http://localhost:4567.example.com/"),
        (None, None, "http://localhost:4567@example.com/"),
        (None, "http://bucket.localhost:4567", None),
    ],
)
def test_every_other_page_may_do_nothing(site: str | None, origin: str | None, referer: str | None) -> None:
    assert trust(site, origin, referer) is Trust.NONE


@pytest.fixture
def api(loopback: Any) -> Api:
    return Api(loopback, neighbours=(Echo(),))


@pytest.mark.parametrize(
    "said",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "https://example.com/"},
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost:3000"},
    ],
)
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/_headwater/health"),
        ("POST", "/_headwater/reset"),
        ("GET", "/_headwater/nothing"),
        ("GET", "/any/path"),
        ("POST", "/any/path"),
        ("OPTIONS", "/any/path"),
        ("OPTIONS", "/_headwater/reset"),
    ],
)
def test_no_route_is_open_to_them(api: Api, said: dict[str, str], method: str, target: str) -> None:
    for headers in (said, said | signed_for("echo")):
        reply = api.ask(headers, method=method, target=target)
        assert reply.status == 403
        assert b"is not trusted" in reply.body
        assert "Access-Control-Allow-Origin" not in reply.headers


@pytest.mark.parametrize("target", ["/_headwater/reset", "/_headwater/health"])
def test_naming_an_operation_opens_no_other_route(api: Api, target: str) -> None:
    assert api.call("WhoAmI", Origin=OTHER_PORT).status == 200
    headers = {"Origin": OTHER_PORT, "X-Amz-Target": "Kinesis_20131202.WhoAmI", **signed_for("kinesis")}
    assert api.ask(headers, b"{}", target=target).status == 403


def test_a_page_of_the_server_itself_reaches_every_route(api: Api) -> None:
    own = {"Host": "localhost:4567", "Origin": OWN, "Sec-Fetch-Site": "same-origin"}
    assert api.ask(own, method="GET", target="/_headwater/health").status == 200
    assert api.ask(own | signed_for("echo"), b"x", target="/any").status == 202


def test_what_a_neighbour_gives_out_is_data_to_a_browser(api: Api) -> None:
    headers = api.ask(signed_for("echo"), target="/any").headers
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    own = api.ask({}, method="GET", target="/_headwater/health").headers
    assert own["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" not in api.call("WhoAmI").headers


def test_a_named_page_may_show_what_a_neighbour_gives_out(loopback: Any) -> None:
    api = Api(loopback, allow_origins=(NAMED,), neighbours=(Echo(),))
    image = {"Sec-Fetch-Site": "cross-site", "Referer": f"{NAMED}/"} | signed_for("echo")
    reply = api.ask(image, method="GET", target="/any")
    assert reply.status == 202
    assert "Cross-Origin-Resource-Policy" not in reply.headers
