"""A real Chromium, driven through its own chromedriver by the W3C's protocol, and so by nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STARTED = re.compile(r"started successfully on port (\d+)")
ANSWER_TIMEOUT_S = 120.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP *.example 127.0.0.1",
)


class Browser:
    """One session of a browser."""

    def __init__(self, driver_url: str, chromium: str, folder: Path) -> None:
        self._url = driver_url
        options = {"binary": chromium, "args": [*FLAGS, f"--user-data-dir={folder}"]}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "acceptInsecureCerts": True,
            "timeouts": {"script": int(ANSWER_TIMEOUT_S * 1000)},
        }
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._url += f"/session/{made['sessionId']}"

    def open(self, url: str) -> None:
        """Go to an address, as if its user had typed it."""
        self._ask("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """What the promise gives that the body of an asynchronous function returns, in the page."""
        wrapped = (
            "const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{ {script} }})(...arguments).then(done, e => done('failed: ' + e));"
        )
        return self._ask("POST", "/execute/async", {"script": wrapped, "args": [*arguments]})

    def shown(self) -> str:
        """The page's text."""
        found = self._ask("POST", "/element", {"using": "css selector", "value": ":root"})
        text: str = self._ask("GET", f"/element/{next(iter(found.values()))}/text")
        return text

    def title(self) -> str:
        """The page's title."""
        text: str = self._ask("GET", "/title")
        return text

    def close(self) -> None:
        """End the browser."""
        self._ask("DELETE", "")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
            return json.load(answer)["value"]


@contextmanager
def started_browser(chromium: str, driver: str, folder: Path) -> Iterator[Browser]:
    """A browser with an empty profile in `folder`, until the block is left."""
    with subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            started = next(filter(None, map(STARTED.search, process.stdout)), None)
            assert started is not None, "chromedriver has not started"
            browser = Browser(f"http://127.0.0.1:{started[1]}", chromium, folder)
            try:
                yield browser
            finally:
                browser.close()
        finally:
            process.terminate()
