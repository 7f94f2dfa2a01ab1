"""What the tutorials share: the servers, on the ports that tutorials name, and the AWS CLI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RunningServer
from tests.tutorials.commands import Aws, aws_for
from tests.tutorials.started_server import started_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """`headwater start`, nothing more: port 4566; another server if `HEADWATER_TEST_SERVER` is its URL."""
    url = os.environ.get("HEADWATER_TEST_SERVER")
    if url is not None:
        yield RunningServer(url)
        return
    with started_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def server_on_4567(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """`headwater start --port 4567`: the port of older tutorials."""
    folder = tmp_path_factory.mktemp("server-on-4567")
    with started_server(folder, port=("--port", "4567")) as running:
        yield running


@pytest.fixture
def aws(server: RunningServer, tmp_path: Path) -> Aws:
    """The AWS CLI against the server."""
    return aws_for(server.endpoint_url, tmp_path)
