"""The AWS SDK for Java 2: its synchronous clients and its asynchronous one, with CBOR and with JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.client_process import CLIENTS, Endpoint, run
from tests.clients.java_project import java_variables, maven, maven_alone, maven_variables, trusting

pytestmark = pytest.mark.clients


def test_java_sdk(endpoint: Endpoint, tmp_path: Path) -> None:
    options = f"-Djava.options={' '.join(trusting(endpoint, tmp_path))}"
    with maven_alone():
        run([*maven(), options, "test"], CLIENTS / "java_sdk", maven_variables(java_variables(endpoint)))
