"""The console in a real Chromium, driven by Playwright, against a server of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browser.console.looking import Console
from tests.clients.client_process import alone, install, run, tool
from tests.conftest import client_for, started_server

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "console"
BUILT = ROOT / "src" / "headwater" / "console" / "index.html"


@pytest.fixture(scope="session")
def built_console() -> None:
    """The console's pages, built from their sources if these are newer. Needs npm where they have to be."""
    sources = [path for path in (SOURCES / "src").rglob("*") if path.is_file()]
    with alone(SOURCES / "package.json"):
        if BUILT.exists() and BUILT.stat().st_mtime >= max(path.stat().st_mtime for path in sources):
            return
        npm = tool("npm", "building the console")
        install([npm, "ci"], SOURCES, SOURCES / "package-lock.json", SOURCES / "node_modules" / ".installed")
        run([npm, "run", "build"], SOURCES, os.environ)


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe, which looks for what a screen reader's user would stumble over."""
    npm = tool("npm", "looking at the console with axe")
    install([npm, "ci"], SOURCES, SOURCES / "package-lock.json", SOURCES / "node_modules" / ".installed")
    return (SOURCES / "node_modules" / "axe-core" / "axe.min.js").read_text()


@dataclass
class Served:
    """A server with an empty console, and a client for it."""

    url: str
    process_id: int
    kinesis: Any


@pytest.fixture(scope="module")
def served(built_console: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with started_server(tmp_path_factory.mktemp("console") / "log", "--test-clock") as server:
        kinesis = client_for(server.endpoint_url)
        yield Served(server.endpoint_url, server.process_id, kinesis)
        kinesis.close()


@pytest.fixture
def console(chromium: Any, served: Served) -> Iterator[Console]:
    """The console in a new window; what goes wrong in its page fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served.url)
    opened = Console(context.new_page(), served.url)
    yield opened
    context.close()
    assert opened.faults == []
