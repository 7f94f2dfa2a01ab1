"""A server with its neighbours, and the real SDK's clients for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config

from headwater.testing import Headwater

ClientOf = Callable[..., Any]

UNCHECKED = Config(parameter_validation=False, retries={"total_max_attempts": 1})
"""For a client that sends what the model does not allow."""


def clients_for(endpoint_url: str, key: str = "test", secret: str = "test") -> ClientOf:
    """Gives clients that never retry, so that a test sees every error; each is made once only."""

    @cache
    def client_of(service: str, **options: Any) -> Any:
        arguments = {
            "endpoint_url": endpoint_url,
            "region_name": "us-east-1",
            "aws_access_key_id": key,
            "aws_secret_access_key": secret,
            "config": Config(retries={"total_max_attempts": 1}),
        }
        return boto3.client(service, **(arguments | options))

    return client_of


@pytest.fixture(scope="session")
def headwater() -> Iterator[Headwater]:
    """One server for all: a test uses names that no other test has."""
    with Headwater() as running:
        yield running


@pytest.fixture(scope="session")
def client_of(headwater: Headwater) -> ClientOf:
    """Makes clients for the server's services."""
    return clients_for(headwater.endpoint_url)
