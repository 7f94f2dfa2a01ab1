"""The browser, once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.browser import Browser, started_browser
from tests.clients.client_process import tool


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real Chromium. Where there is none the tests are left out, in words, or fail with CI=true."""
    purpose = "showing what a web page can do (scripts/install_chromium.sh brings it)"
    chromium, driver = tool("chromium", purpose), tool("chromedriver", purpose)
    with started_browser(chromium, driver, tmp_path_factory.mktemp("profile")) as running:
        yield running
