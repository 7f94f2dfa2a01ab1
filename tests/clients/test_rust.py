"""The AWS SDK for Rust."""

from __future__ import annotations

import pytest

from tests.clients.client_process import CLIENTS, INSTALL_TIMEOUT_S, Endpoint, run, tool

pytestmark = pytest.mark.clients


def test_rust(endpoint: Endpoint) -> None:
    cargo = tool("cargo", "the SDK for Rust")
    run(
        [cargo, "test", "--quiet"],
        CLIENTS / "rust",
        endpoint.variables("SSL_CERT_FILE"),
        INSTALL_TIMEOUT_S,
    )
