"""boto3, with SubscribeToShard over HTTP/1.1."""

from __future__ import annotations

import os
import sys

import pytest

from tests.clients.client_process import CLIENTS, Endpoint, install, run

pytestmark = pytest.mark.clients

FOLDER = CLIENTS / "boto3_client"
PACKAGES = FOLDER / ".packages"
PINNED = FOLDER / "requirements.txt"


def test_boto3(endpoint: Endpoint) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(PACKAGES)]
    install([*pip, "--requirement", str(PINNED)], FOLDER, PINNED, PACKAGES / ".installed")
    suite = [sys.executable, "-m", "pytest", "--config-file=pytest.ini", "--confcutdir=.", "."]
    run(suite, FOLDER, endpoint.variables("AWS_CA_BUNDLE") | {"PYTHONPATH": os.fspath(PACKAGES)})
