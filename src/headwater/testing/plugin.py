"""The fixtures for pytest, available as soon as Headwater is installed.

One server serves the whole session. Each test with the fixture `headwater` finds it empty, and
its environment points every AWS SDK at it.

All are plain fixtures, so that they serve asynchronous tests under any plugin, in any of its
modes: a fixture that is itself asynchronous would have to be made for one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from headwater.testing.in_process import Headwater


@pytest.fixture(scope="session")
def headwater_session() -> Iterator[Headwater]:
    """The server of the session; override the fixture for other settings."""
    from headwater.testing.in_process import Headwater  # noqa: PLC0415 - for those who use it

    with Headwater() as server:
        yield server


@pytest.fixture
def headwater(headwater_session: Headwater, monkeypatch: pytest.MonkeyPatch) -> Headwater:
    """The server, without streams, limits and faults, at the machine's time."""
    headwater_session.reset()
    headwater_session.clock.restore()
    for name, value in headwater_session.environment.items():
        monkeypatch.setenv(name, value)
    return headwater_session


@pytest.fixture
def kinesis(headwater: Headwater) -> Iterator[Any]:
    """A boto3 client for Kinesis."""
    client = headwater.client()
    yield client
    client.close()


@pytest.fixture
def async_kinesis(headwater: Headwater) -> AbstractAsyncContextManager[Any]:
    """An aiobotocore client for Kinesis, open in `async with async_kinesis as kinesis:`."""
    return headwater.async_client()


@pytest.fixture
def kinesis_stream(kinesis: Any) -> str:
    """The name of a new ACTIVE stream with one shard."""
    name = f"stream-{uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    return name
