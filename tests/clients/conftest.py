"""The servers that the clients meet: plain, with TLS, and one that verifies signatures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client_process import CREDENTIALS, Endpoint
from tests.clients.kcl_application import local_dynamodb
from tests.conftest import started_server

collect_ignore = ["boto3_client"]
"""A suite of its own, run by test_boto3.py."""


@pytest.fixture(scope="session")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server as it starts by default."""
    with started_server(tmp_path_factory.mktemp("http") / "log") as server:
        yield Endpoint(server.endpoint_url)


@pytest.fixture(scope="session")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server with TLS, its certificate from its own authority."""
    folder = tmp_path_factory.mktemp("https")
    with started_server(folder / "log", "--tls", "--data-dir", str(folder / "data")) as server:
        shown = subprocess.run(
            [sys.executable, "-m", "headwater", "tls", "ca", "--data-dir", str(folder / "data")],
            capture_output=True,
            text=True,
            check=True,
        )
        yield Endpoint(server.endpoint_url, Path(shown.stdout.strip()))


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server that verifies every signature."""
    folder = tmp_path_factory.mktemp("signed")
    credentials = folder / "credentials"
    keys = "".join(f"{name.lower()} = {value}\n" for name, value in CREDENTIALS.items())
    credentials.write_text(f"[default]\n{keys}")
    credentials.chmod(0o600)
    with started_server(folder / "log", "--credentials", str(credentials)) as server:
        yield Endpoint(server.endpoint_url)


@pytest.fixture(params=["http", "https", "signed"])
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    """Each of the servers in turn."""
    found: Endpoint = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def dynamodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Amazon's own DynamoDB for the desktop; each test has a table of its own in it."""
    with local_dynamodb(tmp_path_factory.mktemp("dynamodb")) as url:
        yield url
