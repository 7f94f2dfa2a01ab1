"""The compose files of one server, and of an application with its tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from headwater.config import Config
from tests.conftest import started_server
from tests.examples.schemas import EXAMPLES, checked, image_variables
from tests.source_tree import ROOT

FILES = ("compose.yaml", "compose.tests.yaml")


def services(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((EXAMPLES / name).read_text())["services"]
    return found


def test_the_files_are_as_the_compose_specification_has_them() -> None:
    found = checked("vendor.compose-spec", *(EXAMPLES / name for name in [*FILES, "compose.kafka.yaml"]))
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("name", FILES)
def test_the_image_is_built_of_the_dockerfile(name: str) -> None:
    build = services(name)["headwater"]["build"]
    context = build if isinstance(build, str) else build["context"]
    assert (EXAMPLES / context).resolve() == ROOT


@pytest.mark.parametrize("name", [*FILES, "compose.kafka.yaml"])
def test_ports_are_published_for_this_machine_alone(name: str) -> None:
    published = [port for service in services(name).values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_server_of_the_tests_keeps_nothing_and_is_asked_by_its_name() -> None:
    found = services("compose.tests.yaml")
    config = Config.from_environment(image_variables() | found["headwater"]["environment"])
    assert config.data_dir is None
    assert [str(stream) for stream in config.create_streams] == ["orders:4"]
    for name in ("shop", "tests"):
        assert found[name]["environment"]["AWS_ENDPOINT_URL"] == f"http://headwater:{config.ports[0]}"
        assert found[name]["depends_on"]["headwater"] == {"condition": "service_healthy"}


@pytest.mark.long  # it is two programs and a server
def test_the_tests_of_the_application_pass(tmp_path: Path) -> None:
    found = services("compose.tests.yaml")
    with started_server(tmp_path / "log", "--create-stream", "orders:4") as server:
        mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        variables = mine | found["shop"]["environment"] | {"AWS_ENDPOINT_URL": server.endpoint_url}
        shop = EXAMPLES / "shop"
        with subprocess.Popen([sys.executable, "shop.py"], cwd=shop, env=variables) as program:
            try:
                ran = subprocess.run(
                    [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shop.py"],
                    cwd=shop,
                    env=variables,
                    capture_output=True,
                    text=True,
                    check=False,
                )
            finally:
                program.kill()
    assert ran.returncode == 0, ran.stdout
    assert "1 passed" in ran.stdout
