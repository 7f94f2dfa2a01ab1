from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from headwater.app.pid_file import PidFile

Headwater = Callable[..., Any]
WHOLE = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "NO_PROXY": "127.0.0.1",
}


def findings(ended: Any) -> dict[str, tuple[str, str, str]]:
    """State, text and hint of each check."""
    lines = map(json.loads, ended.out.splitlines())
    return {line["check"]: (line["state"], line["text"], line["hint"]) for line in lines}


def test_nothing_is_wrong_with_what_headwater_env_sets(headwater: Headwater, server: Any) -> None:
    ended = headwater("doctor", more=WHOLE)
    found = findings(ended)
    assert {state for state, _, _ in found.values()} == {"ok"}
    assert ended.exit_code == 0
    assert list(found) == [
        *("packages", "endpoint", "region", "profile", "credentials", "proxy"),
        *("port", "TLS", "server", "clock", "call"),
    ]
    assert server.endpoint_url in found["endpoint"][1]


@pytest.mark.parametrize(
    ("variables", "check", "state", "text"),
    [
        ({"AWS_ENDPOINT_URL": ""}, "endpoint", "warning", "AWS clients go to AWS"),
        ({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "endpoint", "wrong", "ignore AWS_ENDPOINT_URL"),
        ({"AWS_REGION": ""}, "region", "warning", "no region is set"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "region", "warning", "clients see different streams"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "credentials", "warning", "there are none"),
        ({"AWS_ACCESS_KEY_ID": ""}, "credentials", "wrong", "only one of"),
        ({"AWS_PROFILE": "nobody"}, "profile", "wrong", "there is no such profile"),
        ({"HTTP_PROXY": "http://10.0.0.1", "NO_PROXY": ""}, "proxy", "wrong", "HTTP_PROXY"),
        ({"AWS_ENDPOINT_URL": "https://{host}"}, "TLS", "wrong", "does not speak TLS"),
    ],
)
def test_what_is_wrong_around_the_client_is_named_with_a_hint(
    headwater: Headwater, server: Any, variables: dict[str, str], check: str, state: str, text: str
) -> None:
    host = server.endpoint_url.removeprefix("http://")
    given = {name: value.format(host=host) for name, value in variables.items()}
    ended = headwater("doctor", "--region", "us-east-1", more=WHOLE | given)
    found = findings(ended)[check]
    assert found[0] == state
    assert text in found[1]
    assert found[2]
    if state == "wrong":
        assert ended.exit_code == 1


def test_a_profile_gives_region_and_credentials(headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile work]\nregion = eu-west-1\n")
    (tmp_path / ".aws" / "credentials").write_text("[work]\naws_access_key_id = mine\n")
    found = findings(headwater("doctor", more={"AWS_PROFILE": "work", "NO_PROXY": "*"}))
    assert found["region"][0] == found["credentials"][0] == found["profile"][0] == "ok"


def test_an_endpoint_that_only_the_profile_names_is_told(headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\nendpoint_url = http://localhost:4599\n")
    state, text, hint = findings(headwater("doctor", more=WHOLE | {"AWS_ENDPOINT_URL": ""}))["endpoint"]
    assert (state, "which headwater does not read" in text) == ("warning", True)
    assert "export AWS_ENDPOINT_URL" in hint


def test_a_server_in_the_background_is_found_where_nothing_listens(
    headwater: Headwater, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    held = PidFile(tmp_path / "run" / "headwater" / "servers" / "4599.json")
    held.write({"endpoints": ["http://127.0.0.1:4599"], "version": "", "data": None})
    more = WHOLE | {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    ended = headwater("doctor", "--endpoint-url", f"http://127.0.0.1:{port}", more=more)
    held.close()
    assert findings(ended)["port"][2].endswith("export AWS_ENDPOINT_URL=http://127.0.0.1:4599")


def test_a_port_at_which_nothing_listens_ends_the_search(headwater: Headwater) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ended = headwater("doctor", "--endpoint-url", f"http://127.0.0.1:{port}", more=WHOLE)
    found = findings(ended)
    assert found["port"][0] == "wrong"
    assert list(found)[-1] == "port"
    assert ended.exit_code == 1


class OtherServer(BaseHTTPRequestHandler):
    """Answers, but is not Headwater."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def other_server() -> Iterator[str]:
    """The address of a server that is not Headwater."""
    server = HTTPServer(("127.0.0.1", 0), OtherServer)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


def test_another_server_is_told_from_headwater(headwater: Headwater, other_server: str) -> None:
    found = findings(headwater("doctor", "--endpoint-url", other_server, more=WHOLE))
    assert found["server"][0] == "wrong"
    assert "is not Headwater (HTTP status 200)" in found["server"][1]
