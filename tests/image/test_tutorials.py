"""The tutorials, word by word, with the server in a container; and the everyday tests of tests/tutorials.

A function's code lies in a folder that the container has at the same place. Since everybody may reach a
container, it runs functions for those alone who have the keys.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.clients.client_process import run
from tests.conftest import RunningServer
from tests.image.building import Image
from tests.image.container import started
from tests.source_tree import ROOT
from tests.tutorials.test_pages import TUTORIALS, follow

pytestmark = pytest.mark.image

KEYS = {"HEADWATER_ACCESS_KEY_ID": "test", "HEADWATER_SECRET_ACCESS_KEY": "test"}
SIGNED = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_prints_what_it_says(image: Image, name: str, tmp_path: Path) -> None:
    followed = tmp_path / "followed"
    followed.mkdir()
    tmp_path.chmod(0o755)
    with started(image, tmp_path, variables=KEYS, shared=(followed,)) as container:
        follow(name, followed, RunningServer(container.endpoint_url), SIGNED)


def test_the_tutorials_of_others(image: Image, tmp_path: Path) -> None:
    with started(image, tmp_path) as container:
        variables = {**os.environ, "HEADWATER_TEST_SERVER": container.endpoint_url}
        printed = run([sys.executable, "-m", "pytest", "-q", "tests/tutorials"], ROOT, variables)
    assert re.search(r"^\d+ passed", printed, re.MULTILINE), printed
