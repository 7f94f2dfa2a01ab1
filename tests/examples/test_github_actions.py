"""The workflow of GitHub Actions with a server as a service."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from headwater.config import Config
from tests.examples.schemas import EXAMPLES, checked, image_variables

WORKFLOW = EXAMPLES / "github-actions.yaml"


@pytest.mark.long
def test_the_workflow_is_as_its_published_schema_has_it(tmp_path: Path) -> None:
    found = checked("vendor.github-workflows", WORKFLOW)
    assert found.returncode == 0, found.stdout
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(WORKFLOW.read_text().replace("runs-on", "run-on"))
    assert checked("vendor.github-workflows", wrong).returncode == 1


def test_the_server_takes_its_settings_and_is_where_the_steps_look() -> None:
    job = yaml.safe_load(WORKFLOW.read_text())["jobs"]["test"]
    service = job["services"]["headwater"]
    config = Config.from_environment(image_variables() | service["env"])
    assert config.data_dir is None
    assert service["ports"] == [f"{config.ports[0]}:{config.ports[0]}"]
    assert job["env"]["AWS_ENDPOINT_URL"] == f"http://localhost:{config.ports[0]}"
