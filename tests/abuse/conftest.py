"""Every test here abuses a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.abuse.abused_server import AbusedServer, abused_server


@pytest.fixture
def abused(tmp_path: Path) -> Iterator[AbusedServer]:
    with abused_server(tmp_path) as server:
        yield server
