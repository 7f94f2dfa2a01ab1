"""Where the client library of a test finds the server."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.client.calls.backoff import RETRY_POLICIES, RetryPolicy
from tests.conftest import RunningServer


@pytest.fixture
def at(server: RunningServer) -> dict[str, Any]:
    """The arguments with which a producer finds the server."""
    return {"endpoint_url": server.endpoint_url, "region_name": "us-east-1"}


@pytest.fixture
def short_put_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a producer could not put is tried again fifty times sooner than otherwise."""
    monkeypatch.setitem(RETRY_POLICIES, "put", RetryPolicy(0.002, 0.1))
