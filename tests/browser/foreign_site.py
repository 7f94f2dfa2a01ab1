"""A web server of others: its page attacks, its redirects lead on, and it can stand before a server."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

PAGE = b"<!doctype html><title>foreign</title><body>A page of another site."


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    forwards_to = ""
    """A host and port that everything below /forwarded goes to."""

    def answer(self) -> None:
        """Answer a request of any method."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        if parts.path == "/redirect":
            asked = parse_qs(parts.query)
            self.send_response(int(asked["status"][0]))
            self.send_header("Location", asked["to"][0])
            self._end(b"")
        elif self.path.startswith("/forwarded"):
            self._forward(body)
        else:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self._end(PAGE)

    def _forward(self, body: bytes) -> None:
        connection = http.client.HTTPConnection(self.forwards_to)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        connection.request(self.command, self.path.removeprefix("/forwarded"), body, headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type") or "text/plain")
        self._end(said)

    def _end(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def foreign_site(forwards_to: str = "") -> Iterator[int]:
    """The site's port on loopback, until the block is left."""
    methods = {
        f"do_{method}": _Handler.answer for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
    }
    handler = type("Handler", (_Handler,), {"forwards_to": forwards_to, **methods})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, name="foreign-site")
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
