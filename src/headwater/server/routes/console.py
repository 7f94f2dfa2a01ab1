"""The console's pages: built files, below `/_headwater/console/`.

Rules:
- nothing is read before somebody opens the console, and then each file once; the build has left most
  of them compressed beside themselves, so that a first page waits for no compression;
- a file is found by its name in the folder's own list, so no path leads out of it;
- the page says what it may load: scripts and styles of the console's own, data of this server;
- files whose names change with their contents are kept by browsers for good; the page itself
  is asked for again each time, and answered by 304 while it is the same.

Refuses to know what the console shows.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from headwater import __version__
from headwater.server.admin import RouteSet
from headwater.server.http.exchange import Answer, Fields

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
GUARDED: Fields = (("Content-Security-Policy", POLICY), ("Referrer-Policy", "same-origin"))
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
GZIP = 16 + zlib.MAX_WBITS
ZIPPED = ".gz"
"""What the compressed form of a file ends with."""
FOREVER = "public, max-age=31536000, immutable"
ASSETS = "assets/"
"""Below it, names change with contents."""
HOW_TO_BUILD = """<!doctype html><html lang="en"><title>Headwater</title><body>
<h1>The console is not built</h1>
<p>This Headwater was installed from its sources. With Node.js 20.19 or later, run
<code>make console</code> in the checkout, install it again if it is not installed as editable, and load
this page again. What is installed from a wheel of a release has the console in it.</p>
"""
NOT_BUILT = Answer(503, (("Content-Type", TYPES[".html"]), *GUARDED), HOW_TO_BUILD.encode())


class _File(NamedTuple):
    fields: Fields
    tag: str
    zipped: bytes


def console_routes(folder: Path, describe: Callable[[], Mapping[str, Any]]) -> RouteSet:
    """The pages in `folder`, and `about`: what they have to know of the server."""
    pages = ConsolePages(folder)

    async def about(_query: bytes) -> dict[str, Any]:
        return {"version": __version__, **describe()}

    async def redirect(_query: bytes) -> Answer:
        return Answer(308, (("Location", "/_headwater/console/"),), b"")

    return RouteSet(
        {b"about": {b"GET": about}, b"console": {b"GET": redirect}}, pages={b"console/": pages.page}
    )


class ConsolePages:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = cache(self._read)

    def page(self, path: bytes, headers: Mapping[bytes, bytes]) -> Answer:
        """The file at a path below the console's, `index.html` where there is none."""
        name = path.decode("latin-1") or "index.html"
        if not (self._folder / "index.html").is_file():
            return NOT_BUILT
        if name not in self._names():
            return Answer(404, (("Content-Type", "text/plain"),), b"There is no such file.\n")
        fields, tag, zipped = self._file(name)
        if tag in headers.get(b"if-none-match", b"").decode("latin-1"):
            return Answer(304, fields, b"")
        if b"gzip" in headers.get(b"accept-encoding", b""):
            return Answer(200, (*fields, ("Content-Encoding", "gzip")), zipped)
        return Answer(200, fields, zlib.decompress(zipped, GZIP))

    def _names(self) -> set[str]:
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return {path.relative_to(self._folder).as_posix() for path in files}

    def _read(self, name: str) -> _File:
        data = (self._folder / name).read_bytes()
        tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        fields = (
            ("Content-Type", TYPES.get(Path(name).suffix, "application/octet-stream")),
            ("Cache-Control", FOREVER if name.startswith(ASSETS) else "no-cache"),
            ("ETag", tag),
            ("Vary", "Accept-Encoding"),
            *GUARDED,
        )
        ready = self._folder / f"{name}{ZIPPED}"
        return _File(fields, tag, ready.read_bytes() if ready.is_file() else _zipped(data))


def _zipped(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, wbits=GZIP)
    return compressor.compress(data) + compressor.flush()
