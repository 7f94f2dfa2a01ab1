"""The AWS SDK for JavaScript v3, which speaks HTTP/2 to Kinesis, on `http://` too.

Its newest version has no commands for queues: they are made from botocore's model (`queue_commands.js`).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.loaders import Loader

from tests.clients.client_process import CLIENTS, Endpoint, install, run, tool

pytestmark = pytest.mark.clients

FOLDER = CLIENTS / "javascript"
MODULES = FOLDER / "node_modules"


def test_javascript(endpoint: Endpoint, tmp_path: Path) -> None:
    npm, node = tool("npm", "the SDK for JavaScript"), tool("node", "the SDK for JavaScript")
    install([npm, "ci"], FOLDER, FOLDER / "package-lock.json", MODULES / ".installed")
    api_model = tmp_path / "api-model.json"
    api_model.write_text(json.dumps(Loader().load_service_model("kinesis", "service-2")))
    variables = endpoint.variables("NODE_EXTRA_CA_CERTS") | {"HEADWATER_API_MODEL": str(api_model)}
    run([node, "--test"], FOLDER, variables)
