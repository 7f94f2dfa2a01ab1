"""Asking a server for one of its own routes, as a program does."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from headwater.testing import Headwater
from tests.waiting import RETRY_FOR_S

TIMEOUT_S = RETRY_FOR_S


class RouteAnswer(NamedTuple):
    """What a route has answered."""

    status: int
    headers: dict[str, str]
    body: bytes


def get(server: Headwater, route: str, headers: dict[str, str] | None = None, **query: Any) -> RouteAnswer:
    """The answer of a route."""
    connection = http.client.HTTPConnection(urlsplit(server.endpoint_url).netloc, timeout=TIMEOUT_S)
    connection.request("GET", f"/_headwater/{route}?{urlencode(query)}".rstrip("?"), headers=headers or {})
    response = connection.getresponse()
    answer = RouteAnswer(
        response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    )
    connection.close()
    return answer


def document(server: Headwater, route: str, **query: Any) -> dict[str, Any]:
    """What a route tells."""
    answer = get(server, route, **query)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = json.loads(answer.body)
    return found


@contextmanager
def lines(server: Headwater, route: str, **query: Any) -> Iterator[Iterator[dict[str, Any]]]:
    """The lines of a route that goes on, until the block is left."""
    connection = http.client.HTTPConnection(urlsplit(server.endpoint_url).netloc, timeout=TIMEOUT_S)
    connection.request("GET", f"/_headwater/{route}?{urlencode(query)}".rstrip("?"))
    response = connection.getresponse()
    assert response.status == 200, response.read()
    try:
        yield (json.loads(line) for line in response)
    finally:
        response.close()
        connection.close()
