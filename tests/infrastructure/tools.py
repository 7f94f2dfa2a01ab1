"""What the tools are told: where the server is, credentials, a region, and nothing else of AWS's."""

from __future__ import annotations

import os
from typing import Any

import boto3

REGION = "us-east-1"


def three_settings(endpoint_url: str) -> dict[str, str]:
    """The environment of a tool."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return mine | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def client(endpoint_url: str, service: str) -> Any:
    """A boto3 client for what a tool has deployed."""
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
