from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from headwater.cli.main import main
from tests.conftest import RunningServer


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["console", *arguments])


def test_the_address_is_printed(server: RunningServer) -> None:
    result = run("--endpoint-url", server.endpoint_url, "--print")
    assert (result.exit_code, result.output) == (0, f"{server.endpoint_url}/_headwater/console/\n")


def test_a_browser_is_opened_and_its_absence_told(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def is_opened(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", is_opened)
    assert run("--endpoint-url", server.endpoint_url).exit_code == 0
    assert opened == [f"{server.endpoint_url}/_headwater/console/"]
    monkeypatch.setattr("webbrowser.open", lambda _address: False)
    assert "no browser" in run("--endpoint-url", server.endpoint_url).output


def test_without_a_server_it_says_so() -> None:
    result = run("--endpoint-url", "http://127.0.0.1:9")
    assert (result.exit_code, "no server answers" in result.output) == (1, True)
