"""Where the client library of a test finds the server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import RunningServer


@pytest.fixture
def at(server: RunningServer) -> dict[str, Any]:
    """The arguments with which a producer finds the server."""
    return {"endpoint_url": server.endpoint_url, "region_name": "us-east-1"}
