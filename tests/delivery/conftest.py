"""A server for all tests of deliveries, and a stream of its own for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headwater.testing import Headwater
from tests.delivery.delivered_stream import DeliveredStream
from tests.neighbours.conftest import ClientOf, clients_for


@pytest.fixture(scope="session")
def delivering() -> Iterator[Headwater]:
    """One server for all; each test has names of its own. Its clock only goes forward."""
    with Headwater() as running:
        yield running


@pytest.fixture(scope="session")
def clients(delivering: Headwater) -> ClientOf:
    """The SDK's clients for it."""
    return clients_for(delivering.endpoint_url)


@pytest.fixture
def delivered(delivering: Headwater, clients: ClientOf) -> Iterator[DeliveredStream]:
    """A stream and a bucket that no other test has."""
    stream = DeliveredStream(delivering, clients)
    yield stream
    for channel in stream.kinesis.list_channels(StreamFilter=[{"StreamARN": stream.arn}])["ChannelSummaries"]:
        stream.kinesis.delete_channel(ChannelARN=channel["ChannelARN"])
