"""The fixtures in asynchronous tests: the suite in the documentation, with aiobotocore, under each plugin."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.clients.client_process import CLIENTS, install, run

pytestmark = pytest.mark.clients

FOLDER = CLIENTS / "aiobotocore_client"
PACKAGES = FOLDER / ".packages"
PINNED = FOLDER / "requirements.txt"
PAGE = (CLIENTS.parent.parent / "docs" / "testing.md").read_text()
ANYIO = "pytest.mark.anyio  # or pytest.mark.asyncio"

SUITES = {
    "anyio": lambda suite: suite,
    "asyncio strict": lambda suite: suite.replace(ANYIO, "pytest.mark.asyncio"),
    "asyncio auto": lambda suite: suite.replace(ANYIO, "[]"),
}
"""How the suite is written for each plugin, in each of its modes."""


@pytest.mark.parametrize("plugin", SUITES)
def test_the_asynchronous_suite_in_the_documentation_passes(plugin: str, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(PACKAGES)]
    install([*pip, "--requirement", str(PINNED)], FOLDER, PINNED, PACKAGES / ".installed")
    blocks: list[str] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (suite,) = (block for block in blocks if "async def" in block)
    assert ANYIO in suite
    (tmp_path / "test_orders.py").write_text(SUITES[plugin](suite))
    mode = ["-o", "asyncio_default_fixture_loop_scope=function"]
    mode += ["-o", "asyncio_mode=auto"] if plugin == "asyncio auto" else []
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    source = CLIENTS.parent.parent / "src"
    shown = run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *mode, "."],
        tmp_path,
        variables | {"PYTHONPATH": os.pathsep.join(map(os.fspath, (PACKAGES, source)))},
    )
    passed = re.search(r"(\d+) passed", shown)
    assert passed, shown
    assert int(passed[1]) == suite.count("async def test_")
