"""Who calls: taken from the request's credential by the server."""

from __future__ import annotations

from typing import NamedTuple


class Caller(NamedTuple):
    """The account and region that a request was signed for."""

    account_id: str
    region: str
