"""The Serverless Framework's free fork, unmodified: deploy, change, show, remove."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.clients.client_process import install, run, tool
from tests.conftest import started_server
from tests.infrastructure.tools import client, three_settings

pytestmark = pytest.mark.infrastructure

FOLDER = Path(__file__).resolve().parent / "serverless"
MODULES = FOLDER / "node_modules"


def test_a_service_lives_its_whole_life(tmp_path: Path) -> None:
    npm, node = tool("npm", "the Serverless Framework"), tool("node", "the Serverless Framework")
    install([npm, "ci"], FOLDER, FOLDER / "package-lock.json", MODULES / ".installed")
    shutil.copy(FOLDER / "serverless.yml", tmp_path)
    with started_server(tmp_path / "log") as server:
        kinesis = client(server.endpoint_url, "kinesis")

        def serverless(command: str, shards: int = 1) -> str:
            variables = three_settings(server.endpoint_url) | {
                "SHARDS": str(shards),
                "SLS_NOTIFICATIONS_MODE": "off",
                "SLS_TELEMETRY_DISABLED": "1",
            }
            program = MODULES / "osls" / "bin" / "serverless.js"
            return run([node, str(program), command, "--verbose"], tmp_path, variables)

        def open_shards() -> int:
            answer = kinesis.describe_stream_summary(StreamName="orders")
            return int(answer["StreamDescriptionSummary"]["OpenShardCount"])

        serverless("deploy")
        assert open_shards() == 1
        assert "OrdersArn: arn:aws:kinesis:us-east-1:000000000000:stream/orders" in serverless("info")
        serverless("deploy", shards=2)
        assert open_shards() == 2
        serverless("remove")
        assert kinesis.list_streams()["StreamNames"] == []
        assert client(server.endpoint_url, "s3").list_buckets()["Buckets"] == []
