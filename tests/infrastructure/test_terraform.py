"""Terraform, or OpenTofu, with the AWS provider, unmodified: no drift, each change, nothing left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.client_process import leave_out, run
from tests.conftest import started_server
from tests.infrastructure.tools import client, three_settings

pytestmark = pytest.mark.infrastructure

FOLDER = Path(__file__).resolve().parent / "terraform"
MIRRORS = (
    *map(Path, ("/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins")),
    *Path("/opt").glob("*"),
)
"""Where a machine may keep providers."""


class Terraform:
    """The command line in a copy of the configuration."""

    def __init__(self, endpoint_url: str, folder: Path) -> None:
        program = shutil.which("terraform") or shutil.which("tofu")
        self._program = program or leave_out("Terraform and OpenTofu are not on this machine")
        self._folder = folder
        self._variables = three_settings(endpoint_url) | {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        mirror = _mirror()
        if mirror is not None:
            settings = folder / "settings.tfrc"
            settings.write_text(
                f'provider_installation {{\nfilesystem_mirror {{\npath = "{mirror}"\n}}\n}}\n'
            )
            self._variables["TF_CLI_CONFIG_FILE"] = str(settings)
        self("init")

    def __call__(self, *arguments: str) -> str:
        return run([self._program, *arguments, "-no-color"], self._folder, self._variables)

    def apply(self, **values: object) -> None:
        self("apply", "-auto-approve", *_set(values))

    def plans_nothing(self, **values: object) -> bool:
        return "No changes." in self("plan", *_set(values))


def _mirror() -> Path | None:
    """A folder that has the provider, for machines that do not reach its registry."""
    named = os.environ.get("HEADWATER_TEST_TERRAFORM_MIRROR")
    if named is not None:
        return Path(named)
    return next((path for path in MIRRORS if any(path.glob("*/hashicorp/aws"))), None)


def _set(values: dict[str, object]) -> list[str]:
    return [part for name, value in values.items() for part in ("-var", f"{name}={value}")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with started_server(tmp_path / "log") as running:
        yield running.endpoint_url


def test_a_configuration_lives_its_whole_life(server: str, tmp_path: Path) -> None:
    shutil.copy(FOLDER / "main.tf", tmp_path)
    terraform, kinesis = Terraform(server, tmp_path), client(server, "kinesis")

    def summary() -> dict[str, Any]:
        answer = kinesis.describe_stream_summary(StreamName="orders")
        return dict(answer["StreamDescriptionSummary"])

    terraform.apply()
    assert terraform.plans_nothing()
    assert (summary()["OpenShardCount"], summary()["ConsumerCount"]) == (1, 1)
    assert client(server, "dynamodb").list_tables()["TableNames"] == ["leases"]
    created = summary()["StreamCreationTimestamp"]

    changed = {"shards": 2, "hours": 48, "team": "red", "metrics": '["OutgoingBytes"]', "encryption": "KMS"}
    terraform.apply(**changed)
    assert terraform.plans_nothing(**changed)
    assert summary()["StreamCreationTimestamp"] == created
    assert (summary()["OpenShardCount"], summary()["RetentionPeriodHours"]) == (2, 48)
    assert summary()["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["OutgoingBytes"]}]
    assert summary()["EncryptionType"] == "KMS"
    tags = kinesis.list_tags_for_stream(StreamName="orders")["Tags"]
    assert tags == [{"Key": "team", "Value": "red"}]

    terraform("destroy", "-auto-approve")
    assert kinesis.list_streams()["StreamNames"] == []
    assert client(server, "dynamodb").list_tables()["TableNames"] == []
