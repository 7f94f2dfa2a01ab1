"""The AWS CDK, unmodified: an app in Python with one stream, from bootstrap to the second deployment."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.clients.client_process import install, run, tool
from tests.conftest import started_server
from tests.infrastructure.tools import client, three_settings

pytestmark = pytest.mark.infrastructure

FOLDER = Path(__file__).resolve().parent / "cdk"
MODULES, PACKAGES = FOLDER / "node_modules", FOLDER / ".packages"
SIZED = ("-c", "shards=2", "-c", "hours=48")


class Toolkit:
    """The CDK's command line, in a copy of the app.

    The app runs when it has changed, or what it is told by `-c`; else its cloud assembly is there already. To
    run it takes most of the time of a command, and the server hears nothing of it.
    """

    def __init__(self, endpoint_url: str, app: Path) -> None:
        npm, self._node = tool("npm", "the CDK"), tool("node", "the CDK")
        install([npm, "ci"], FOLDER, FOLDER / "package-lock.json", MODULES / ".installed")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PACKAGES)]
        requirements = FOLDER / "requirements.txt"
        install([*pip, "-r", str(requirements)], FOLDER, requirements, PACKAGES / ".installed")
        self.endpoint_url = endpoint_url
        self._app = app
        self._variables = three_settings(endpoint_url) | {
            "HEADWATER_TEST_PYTHON": sys.executable,
            "PYTHONPATH": str(PACKAGES),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CI": "true",
        }

    def __call__(self, *arguments: str) -> str:
        command = [self._node, str(MODULES / "aws-cdk" / "bin" / "cdk"), "--no-notices", *arguments]
        return run([*command, *self._assembly(arguments)], self._app, self._variables)

    def _assembly(self, arguments: Sequence[str]) -> list[str]:
        sources = [*self._app.glob("*.py"), *self._app.glob("*/*.py")]
        told = [value for option, value in pairwise(arguments) if option == "-c"]
        made_of = [*(path.read_bytes() for path in sorted(sources)), *map(str.encode, told)]
        folder = self._app / "cdk.out" / sha256(b"\0".join(made_of)).hexdigest()
        return ["--app" if folder.exists() else "--output", str(folder)]

    def aws(self, *arguments: str) -> Any:
        command = [sys.executable, "-m", "awscli", *arguments, "--output", "json"]
        return json.loads(run(command, self._app, self._variables))

    def deploy(self, *arguments: str, stack: str = "Streams") -> dict[str, str]:
        """The stack's outputs."""
        file = self._app / "outputs.json"
        self("deploy", "--require-approval", "never", "--outputs-file", str(file), *arguments)
        outputs: dict[str, str] = json.loads(file.read_text())[stack]
        return outputs


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A copy of the app."""
    for name in ("app.py", "cdk.json"):
        shutil.copy(FOLDER / name, tmp_path)
    return tmp_path


@pytest.fixture(params=["localhost", "127.0.0.1"])
def cdk(request: pytest.FixtureRequest, app: Path, tmp_path: Path) -> Iterator[Toolkit]:
    with started_server(tmp_path / "log") as server:
        yield Toolkit(re.sub(r"127\.0\.0\.1", request.param, server.endpoint_url), app)


def test_the_classic_app_lives_its_whole_life(cdk: Toolkit) -> None:
    kinesis = client(cdk.endpoint_url, "kinesis")

    def summary(name: str) -> dict[str, Any]:
        shown: dict[str, Any] = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        return shown

    cdk("bootstrap", "aws://000000000000/us-east-1")
    assert cdk("ls").split()[-1] == "Streams"
    assert "[+] AWS::Kinesis::Stream Orders" in cdk("diff")

    outputs = cdk.deploy()
    listed = cdk.aws("cloudformation", "list-stacks")["StackSummaries"]
    stacks = [each for each in listed if each["StackStatus"] != "DELETE_COMPLETE"]  # what `diff` has tried
    assert {each["StackName"]: each["StackStatus"] for each in stacks} == {
        "CDKToolkit": "CREATE_COMPLETE",
        "Streams": "CREATE_COMPLETE",
    }
    resources = cdk.aws("cloudformation", "list-stack-resources", "--stack-name", "Streams")
    stream = resources["StackResourceSummaries"][0]
    assert (stream["ResourceType"], stream["PhysicalResourceId"]) == ("AWS::Kinesis::Stream", outputs["Name"])
    assert outputs["Arn"].endswith(f":stream/{outputs['Name']}")
    put = kinesis.put_record(StreamName=outputs["Name"], Data=b"an order", PartitionKey="1")
    assert put["ShardId"] == "shardId-000000000000"

    assert "Number of stacks with differences: 0" in cdk("diff")
    changes = cdk("diff", *SIZED)
    assert re.search(r"\[~\] ShardCount", changes)
    assert "replacement)" not in changes
    assert cdk.deploy(*SIZED) == outputs
    changed = summary(outputs["Name"])
    assert (changed["OpenShardCount"], changed["RetentionPeriodHours"]) == (2, 48)

    cdk("destroy", "--force")
    assert kinesis.list_streams()["StreamNames"] == []
    assert kinesis.list_streams()["StreamNames"] != [cdk.deploy()["Name"]]
    assert len(kinesis.list_streams()["StreamNames"]) == 1


def test_a_stack_is_changed_and_destroyed_by_servers_that_came_after_the_one_it_was_deployed_to(
    app: Path, tmp_path: Path
) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    with started_server(tmp_path / "first.log", *data) as server:
        toolkit = Toolkit(server.endpoint_url, app)
        toolkit("bootstrap", "aws://000000000000/us-east-1")
        outputs = toolkit.deploy()
        kinesis = client(server.endpoint_url, "kinesis")
        kinesis.put_record(StreamName=outputs["Name"], Data=b"an order", PartitionKey="1")

    with started_server(tmp_path / "second.log", *data) as server:
        toolkit = Toolkit(server.endpoint_url, app)
        assert "Number of stacks with differences: 0" in toolkit("diff")
        assert toolkit.deploy(*SIZED) == outputs
        kinesis = client(server.endpoint_url, "kinesis")
        at = {"StreamName": outputs["Name"], "ShardId": "shardId-000000000000"}
        iterator = kinesis.get_shard_iterator(**at, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        (record,) = kinesis.get_records(ShardIterator=iterator)["Records"]
        assert record["Data"] == b"an order"

    with started_server(tmp_path / "third.log", *data) as server:
        toolkit = Toolkit(server.endpoint_url, app)
        toolkit("destroy", "--force")
        assert client(server.endpoint_url, "kinesis").list_streams()["StreamNames"] == []
