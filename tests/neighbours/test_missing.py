"""Where the neighbouring services are not installed, each request for one learns how to get them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.app import neighbours
from headwater.testing import Headwater
from tests.neighbours.conftest import ClientOf, clients_for
from tests.neighbours.test_moto import LISTS


@pytest.fixture(scope="module")
def bare() -> Iterator[ClientOf]:
    """Clients of a server that finds no moto."""

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "moto" else importlib.util.find_spec(name, package)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "find_spec", find_spec)
        with Headwater() as headwater:
            yield clients_for(headwater.endpoint_url)


@pytest.mark.parametrize("service", LISTS)
def test_the_error_names_the_extra(bare: ClientOf, service: str) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(bare(service), LISTS[service])()
    error: Any = refused.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert error["Error"]["Code"] == "ServiceNotInstalled"
    assert "pip install 'headwater[aws]'" in error["Error"]["Message"]


def test_kinesis_is_as_ever(bare: ClientOf) -> None:
    assert bare("kinesis").list_streams()["StreamNames"] == []
