"""The documentation site in a real Chromium: each page, link and anchor, and pictures in light and dark."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.clients.client_process import leave_out

pytestmark = pytest.mark.clients

SITE = Path(__file__).resolve().parents[2] / "site"
SCHEMES = {"light": "default", "dark": "slate"}
"""What the theme calls them."""
CONTRAST_MIN = 3.0
"""Of graphical objects to their background, by WCAG 2.2, 1.4.11."""
LOOK = """() => ({
    scheme: document.body.dataset.mdColorScheme,
    ids: [...document.querySelectorAll('[id]')].map(each => each.id),
    links: [...document.querySelectorAll('a[href]')].map(each => each.href),
    pictures: [...document.images].map(each => each.src),
    broken: [...document.images].filter(each => !each.complete || !each.naturalWidth).map(each => each.src),
})"""
FAINT = """() => {
    const linear = byte => byte <= 10 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([red, green, blue]) =>
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    const page = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
    return [...document.images].filter(each => each.src.endsWith('.svg')).map(each => {
        const canvas = document.createElement('canvas');
        canvas.width = 800;
        canvas.height = 800 * each.naturalHeight / each.naturalWidth;
        const context = canvas.getContext('2d');
        context.drawImage(each, 0, 0, canvas.width, canvas.height);
        const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
        const hasGround = pixels[3] > 250;
        const ground = luminance(hasGround ? pixels : page);
        let seen = 0;
        let best = 0;
        for (let at = 0; at < pixels.length; at += 4) {
            if (pixels[at + 3] < 250) continue;
            const its = luminance(pixels.slice(at, at + 3));
            const contrast = (Math.max(its, ground) + 0.05) / (Math.min(its, ground) + 0.05);
            if (hasGround && contrast < 1.05) continue;
            seen += 1;
            if (contrast >= least) best += 1;
        }
        return {src: each.src, seen, share: best / seen};
    });
}""".replace("least", str(CONTRAST_MIN))
"""How much of what a drawing paints can be told from what is behind it."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address at which the built site is served."""
    if not (SITE / "index.html").is_file():
        leave_out("looking at the documentation site needs what `make docs` builds")
    handler = partial(QuietHandler, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def looking(chromium: Any, site: str, theme: str, faults: list[str]) -> Iterator[Any]:
    """A page of a browser whose user likes a theme; what goes wrong in it is noted."""
    context = chromium.new_context(color_scheme=theme)
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    page.on("console", lambda told: faults.extend([f"{page.url}: {told.text}"] * (told.type == "error")))
    here = (site, "data:", "blob:")
    page.on("request", lambda asked: faults.extend([asked.url] * (not asked.url.startswith(here))))
    yield page
    context.close()


def pages() -> list[str]:
    """The paths of all pages."""
    return sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html"))


def test_every_link_leads_somewhere_and_every_picture_can_be_seen(chromium: Any, site: str) -> None:
    faults: list[str] = []
    seen: dict[str, dict[str, Any]] = {}
    with looking(chromium, site, "light", faults) as page:
        for path in pages():
            page.goto(f"{site}/{path}")
            seen[path] = page.evaluate(LOOK)
            faults += drawing_faults(page, path)
    illustrated = [path for path in seen if seen[path]["pictures"]]
    assert len(illustrated) >= 5
    with looking(chromium, site, "dark", faults) as page:
        for path in illustrated:
            page.goto(f"{site}/{path}")
            dark = page.evaluate(LOOK)
            faults += [f"{path} is {dark['scheme']}"] * (dark["scheme"] != SCHEMES["dark"])
            faults += [f"{path}: {src} in the dark" for src in dark["broken"]]
            faults += drawing_faults(page, path)
    faults += [f"{path} is {found['scheme']}" for path, found in seen.items() if found["scheme"] != "default"]
    faults += [f"{path}: {src}" for path, found in seen.items() for src in found["broken"]]
    links = {(path, link) for path, found in seen.items() for link in found["links"] if link.startswith(site)}
    faults += [f"{path}: {link}" for path, link in sorted(links) if not leads_somewhere(link, seen)]
    assert len(links) > 1_000
    assert not faults, "\n".join(faults)


def drawing_faults(page: Any, path: str) -> list[str]:
    """The drawings of a page of which too much cannot be told from what is behind it."""
    return [
        f"{path}: {drawing['src']}: {drawing['share']:.0%} of {drawing['seen']} pixels can be seen"
        for drawing in page.evaluate(FAINT)
        if not drawing["seen"] or drawing["share"] < 0.5
    ]


def leads_somewhere(link: str, seen: dict[str, dict[str, Any]]) -> bool:
    """Whether the site has a link's file and, of a page, its anchor."""
    url = urlsplit(link)
    path = unquote(url.path).lstrip("/")
    path += "index.html" * (not path or path.endswith("/"))
    if not (SITE / path).is_file():
        return False
    anchor = unquote(url.fragment)
    return not anchor or path not in seen or anchor in seen[path]["ids"]


def test_a_word_is_found_and_leads_to_its_page(chromium: Any, site: str) -> None:
    faults: list[str] = []
    with looking(chromium, site, "light", faults) as page:
        page.goto(f"{site}/index.html")
        page.locator("[data-md-component=search-query]").click()
        page.locator("[data-md-component=search-query]").press_sequentially("bisect")
        page.locator('.md-search-result__link[href*="lambda.html"]').first.click()
        page.wait_for_url("**/lambda.html*")
        assert "BisectBatchOnFunctionError" in page.locator("article").inner_text()
    assert not faults
