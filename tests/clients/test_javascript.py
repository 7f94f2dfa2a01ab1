"""The AWS SDK for JavaScript v3, which speaks HTTP/2 to Kinesis, on `http://` too."""

from __future__ import annotations

import pytest

from tests.clients.client_process import CLIENTS, Endpoint, install, run, tool

pytestmark = pytest.mark.clients

FOLDER = CLIENTS / "javascript"
MODULES = FOLDER / "node_modules"


def test_javascript(endpoint: Endpoint) -> None:
    npm, node = tool("npm", "the SDK for JavaScript"), tool("node", "the SDK for JavaScript")
    install([npm, "ci"], FOLDER, FOLDER / "package-lock.json", MODULES / ".installed")
    run([node, "--test"], FOLDER, endpoint.variables("NODE_EXTRA_CA_CERTS"))
