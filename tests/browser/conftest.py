"""The browser, once for all tests; once more for those that have it driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.browser import Browser, started_browser
from tests.clients.client_process import leave_out, tool

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-precise-memory-info")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real Chromium. Where there is none the tests are left out, in words, or fail with CI=true."""
    purpose = "showing what a web page can do (scripts/install_for_tests.sh brings it)"
    chromium, driver = tool("chromium", purpose), tool("chromedriver", purpose)
    with started_browser(chromium, driver, tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A real Chromium. Where there is none the tests are left out, in words, or fail with CI=true."""
    path = shutil.which("chromium") or leave_out("the tests of pages need chromium")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a second, for its tests alone

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()
