"""A program may have used moto before it starts a server."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
from moto.iam.models import iam_backends

iam_backends["123456789012"]["aws"]  # an account that is in use

import boto3
from headwater.testing import Headwater

with Headwater() as server:
    queues = boto3.client(
        "sqs", "eu-isoe-west-1", endpoint_url=server.endpoint_url,
        aws_access_key_id="key", aws_secret_access_key="secret",
    )
    print(queues.create_queue(QueueName="orders")["QueueUrl"].rpartition("/")[2])
"""


@pytest.mark.long
def test_accounts_that_moto_knew_before_are_served() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.returncode) == ("orders", 0), ran.stderr
