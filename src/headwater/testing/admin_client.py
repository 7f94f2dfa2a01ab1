"""The client of the server's own routes."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 120.0


class AdminFailure(Exception):
    """A refusal of the server; the message says why."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class AdminClient:
    """The client of one server."""

    def __init__(self, endpoint_url: str) -> None:
        self._address = urlsplit(endpoint_url).netloc

    def get(self, route: str) -> dict[str, Any]:
        """The answer of a GET. Raises `AdminFailure`."""
        return self._call("GET", route, None)

    def post(self, route: str, **members: Any) -> dict[str, Any]:
        """The answer of a POST. Raises `AdminFailure`."""
        return self._call("POST", route, json.dumps(members))

    def delete(self, route: str) -> dict[str, Any]:
        """The answer of a DELETE. Raises `AdminFailure`."""
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
