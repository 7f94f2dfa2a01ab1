"""DynamoDB for tests: moto's, in a process of its own, one request after the other.

moto reads, compares and writes in steps, so that two requests at once could both find a
condition true; a server that serves one at a time is what makes its conditions hold.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
PROGRAM = """
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

class Silent(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"
    def log_request(self, *_): pass

server = make_server(
    "127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False, request_handler=Silent
)
print(server.port, flush=True)
server.serve_forever()
"""


@contextmanager
def moto_dynamodb(folder: Path) -> Iterator[str]:
    """A server on a free port; its URL."""
    with (
        (folder / "moto.log").open("wb") as log,
        subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=log) as process,
    ):
        try:
            assert process.stdout is not None
            port = process.stdout.readline().decode().strip()
            assert port, (folder / "moto.log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@cache
def _resource(dynamodb_url: str) -> Any:
    return boto3.resource("dynamodb", endpoint_url=dynamodb_url, **CREDENTIALS)


def dynamodb_table(dynamodb_url: str, name: str) -> Any:
    """A table, as boto3 has it."""
    return _resource(dynamodb_url).Table(name)


def items(dynamodb_url: str, name: str) -> dict[str, dict[str, Any]]:
    """All items of a lease table, by their key."""
    found = dynamodb_table(dynamodb_url, name).scan(ConsistentRead=True)["Items"]
    return {item["leaseKey"]: item for item in found}
