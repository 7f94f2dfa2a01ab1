"""h2spec: what RFC 9113 and RFC 7541 ask of a server, on connections with and without TLS."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.clients.client_process import CLIENTS, Endpoint, run, tool

pytestmark = pytest.mark.clients

EVERYTHING = ("generic", "http2", "hpack")
WITHOUT_TLS = (
    "generic",
    "http2/3.5/1",  # 3.5/2 is no HTTP/2, and is answered as HTTP/1.1 is, which has the same port
    *(f"http2/{section}" for section in range(4, 9)),
    "hpack",
)


@pytest.mark.parametrize(
    ("server", "options", "sections"),
    [("http", (), WITHOUT_TLS), ("https", ("--tls", "--insecure"), EVERYTHING)],
)
def test_h2spec(
    server: str, options: tuple[str, ...], sections: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    endpoint: Endpoint = request.getfixturevalue(server)
    go = tool("go", "h2spec")
    address = urlsplit(endpoint.url)
    variables = endpoint.variables() | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    command = [go, "tool", "h2spec", "--host", "127.0.0.1", "--port", str(address.port), "--timeout", "10"]
    printed = run([*command, *options, *sections], CLIENTS / "h2spec", variables)
    assert "0 skipped, 0 failed" in printed
