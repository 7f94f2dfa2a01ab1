"""The AWS SDK for Go v2."""

from __future__ import annotations

import pytest

from tests.clients.client_process import CLIENTS, Endpoint, run, tool

pytestmark = pytest.mark.clients


def test_go(endpoint: Endpoint) -> None:
    go = tool("go", "the SDK for Go")
    variables = endpoint.variables("AWS_CA_BUNDLE") | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    run([go, "test", "-count=1", "."], CLIENTS / "go", variables)
