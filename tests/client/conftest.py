"""Where the client library of a test finds the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from headwater.client.calls.backoff import RETRY_POLICIES, RetryPolicy
from tests.client.leases.dynamodb import moto_dynamodb
from tests.conftest import RunningServer


@pytest.fixture(scope="session")
def sdk_session() -> Any:
    """What the SDK has read of its files, once for all: it takes as long as a few dozen calls."""
    return botocore.session.get_session()


@pytest.fixture
def at(server: RunningServer, sdk_session: Any) -> dict[str, Any]:
    """The arguments with which a producer finds the server."""
    return {"endpoint_url": server.endpoint_url, "region_name": "us-east-1", "session": sdk_session}


@pytest.fixture(scope="session")
def dynamodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A DynamoDB for leases: a test has a table of its own."""
    with moto_dynamodb(tmp_path_factory.mktemp("dynamodb")) as url:
        yield url


@pytest.fixture
def short_put_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a producer could not put is tried again fifty times sooner than otherwise."""
    monkeypatch.setitem(RETRY_POLICIES, "put", RetryPolicy(0.002, 0.1))
