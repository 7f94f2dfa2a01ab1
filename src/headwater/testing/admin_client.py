"""Calls to the server's own routes."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 10.0


class AdminFailure(Exception):
    """The server refused; the message says why."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class AdminClient:
    """A caller of one server."""

    def __init__(self, endpoint_url: str) -> None:
        self._address = urlsplit(endpoint_url).netloc

    def get(self, route: str) -> dict[str, Any]:
        """What a route shows. Raises `AdminFailure`."""
        return self._call("GET", route, None)

    def post(self, route: str, **members: Any) -> dict[str, Any]:
        """What a route answers to a change. Raises `AdminFailure`."""
        return self._call("POST", route, json.dumps(members))

    def delete(self, route: str) -> dict[str, Any]:
        """What a route answers when something is taken away. Raises `AdminFailure`."""
        return self._call("DELETE", route, None)

    def _call(self, method: str, route: str, body: str | None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
        try:
            connection.request(method, f"/_headwater/{route}", body)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise AdminFailure(answer["message"], response.status)
        return answer
