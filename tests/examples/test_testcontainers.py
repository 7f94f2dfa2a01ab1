"""The examples for testcontainers, compiled and type-checked with the packages that they name.

They start a container by Docker, which is not everywhere where these tests run; the image itself is run by
`tests/image`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.clients.client_process import INSTALL_TIMEOUT_S, install, run, tool
from tests.clients.java_project import maven, maven_alone, maven_variables
from tests.examples.schemas import EXAMPLES

FOLDER = EXAMPLES / "testcontainers"
TESTS = ("python/test_orders.py", "node/orders.test.ts", "java/src/test/java/shop/OrdersTest.java")
MODULES = FOLDER / "node" / "node_modules"


@pytest.mark.clients
def test_python(tmp_path: Path) -> None:
    folder = FOLDER / "python"
    run([sys.executable, "-m", "venv", str(tmp_path)], folder, os.environ)
    python = str(tmp_path / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]
    run(command, folder, os.environ, INSTALL_TIMEOUT_S)
    cache = ["--cache-dir", str(tmp_path / "cache")]
    run([python, "-m", "mypy", "--strict", *cache, "test_orders.py"], folder, os.environ)


@pytest.mark.clients
def test_node() -> None:
    npm, node = tool("npm", "the example for Node.js"), FOLDER / "node"
    install([npm, "ci", "--silent"], node, node / "package-lock.json", MODULES / ".installed")
    run([npm, "run", "--silent", "check"], node, os.environ)


@pytest.mark.clients
def test_java() -> None:
    with maven_alone():
        run([*maven(), "test-compile"], FOLDER / "java", maven_variables(os.environ), INSTALL_TIMEOUT_S)


@pytest.mark.parametrize("place", TESTS)
def test_all_of_them_start_the_same_server(place: str) -> None:
    text = (FOLDER / place).read_text()
    for needed in ("headwater", "HEADWATER_DATA_DIR", "--create-stream", "/_headwater/health", "4566"):
        assert needed in text
