"""The AWS CLI, version 1 from PyPI and version 2 from Debian's package.

Neither has SubscribeToShard: both leave out commands whose answer is an event stream.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

from tests.clients.client_process import CLIENTS, SUITE_TIMEOUT_S, Endpoint, install, leave_out, tool
from tests.waiting import RETRY_FOR_S

pytestmark = pytest.mark.clients

FOLDER = CLIENTS / "aws_cli"
PACKAGES = FOLDER / ".packages"
UNPACKED = FOLDER / ".v2"
SYSTEM_PYTHON = "/usr/bin/python3"
SHARD = "shardId-000000000000"


@dataclass(frozen=True)
class AwsCli:
    """One version of the CLI; a call gives the answer that it prints."""

    command: list[str]
    variables: dict[str, str]
    raw: Callable[[bytes], str]
    """How it takes the data of a record on its command line."""

    def __call__(self, operation: str, *options: str) -> dict[str, Any]:
        ended = self._run(operation, *options)
        assert ended.returncode == 0, ended.stderr
        answer: dict[str, Any] = json.loads(ended.stdout) if ended.stdout else {}
        return answer

    def error(self, operation: str, *options: str) -> str:
        """What it says when the call fails."""
        ended = self._run(operation, *options)
        assert ended.returncode != 0
        return ended.stderr

    def _run(self, operation: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [*self.command, "kinesis", operation, *options]
        return subprocess.run(
            command,
            env=self.variables,
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=SUITE_TIMEOUT_S,
            check=False,
        )


def version_1(endpoint: Endpoint) -> AwsCli:
    """From PyPI."""
    pinned = FOLDER / "requirements.txt"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(PACKAGES)]
    install([*pip, "--requirement", str(pinned)], FOLDER, pinned, PACKAGES / ".installed")
    variables = endpoint.variables("AWS_CA_BUNDLE") | {"PYTHONPATH": str(PACKAGES)}
    return AwsCli([sys.executable, "-m", "awscli"], variables, bytes.decode)


def version_2(endpoint: Endpoint) -> AwsCli:
    """From Debian's package, unpacked. It is older than the variable for the endpoint."""
    script = FOLDER / "unpack_v2.sh"
    apt_cache = tool("apt-cache", "AWS CLI v2")
    offered = subprocess.run([apt_cache, "policy", "awscli"], capture_output=True, text=True, check=True)
    if not re.search(r"^ +Candidate: 2\.", offered.stdout, re.MULTILINE):
        leave_out("AWS CLI v2 is not among the packages that apt knows here")
    install([str(script), str(UNPACKED)], FOLDER, script, UNPACKED / ".installed")
    packages = UNPACKED / "usr" / "lib" / "python3" / "dist-packages"
    variables = endpoint.variables("AWS_CA_BUNDLE") | {"PYTHONPATH": str(packages)}
    command = [SYSTEM_PYTHON, str(UNPACKED / "usr" / "bin" / "aws"), "--endpoint-url", endpoint.url]
    return AwsCli(command, variables, lambda data: base64.b64encode(data).decode())


VERSIONS = {"v1": version_1, "v2": version_2}


@pytest.fixture(params=sorted(VERSIONS))
def version(request: pytest.FixtureRequest) -> Callable[[Endpoint], AwsCli]:
    return VERSIONS[request.param]


def create(aws: AwsCli) -> str:
    """A stream of one shard, ACTIVE."""
    name = f"cli-{uuid.uuid4().hex[:12]}"
    aws("create-stream", "--stream-name", name, "--shard-count", "1")
    wait_until_active(aws, name)
    return name


def wait_until_active(aws: AwsCli, name: str) -> None:
    deadline = time.monotonic() + RETRY_FOR_S
    while summary_of(aws, name)["StreamStatus"] != "ACTIVE":
        assert time.monotonic() < deadline


def summary_of(aws: AwsCli, name: str) -> dict[str, Any]:
    described: dict[str, Any] = aws("describe-stream-summary", "--stream-name", name)
    summary: dict[str, Any] = described["StreamDescriptionSummary"]
    return summary


def read(aws: AwsCli, name: str, shard_id: str = SHARD) -> dict[str, Any]:
    """The first page of a shard."""
    where = ("--stream-name", name, "--shard-id", shard_id, "--shard-iterator-type", "TRIM_HORIZON")
    return aws("get-records", "--shard-iterator", aws("get-shard-iterator", *where)["ShardIterator"])


def data_of(page: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(record["Data"]) for record in page["Records"]]


def test_records_go_in_and_come_out(
    version: Callable[[Endpoint], AwsCli], http: Endpoint, tmp_path: Path
) -> None:
    aws = version(http)
    name = create(aws)
    every_byte = tmp_path / "every-byte"
    every_byte.write_bytes(bytes(range(256)))
    into = ("--stream-name", name, "--partition-key", "Ключ")
    aws("put-record", *into, "--data", aws.raw("Grüße".encode()))
    aws("put-record", *into, "--data", f"fileb://{every_byte}")
    records = [f"Data={aws.raw(data)},PartitionKey=key" for data in (b"one", b"two")]
    assert aws("put-records", "--stream-name", name, "--records", *records)["FailedRecordCount"] == 0
    page = read(aws, name)
    assert data_of(page) == ["Grüße".encode(), every_byte.read_bytes(), b"one", b"two"]
    assert [record["PartitionKey"] for record in page["Records"]] == ["Ключ", "Ключ", "key", "key"]


def test_streams_are_split_tagged_listed_and_deleted(
    version: Callable[[Endpoint], AwsCli], http: Endpoint
) -> None:
    aws = version(http)
    name = create(aws)
    aws("put-record", "--stream-name", name, "--partition-key", "key", "--data", aws.raw(b"before"))
    split = ("--stream-name", name, "--shard-to-split", SHARD, "--new-starting-hash-key", str(2**127))
    aws("split-shard", *split)
    wait_until_active(aws, name)
    page = read(aws, name)
    assert data_of(page) == [b"before"]
    assert "NextShardIterator" not in page
    assert [child["ParentShards"] for child in page["ChildShards"]] == [[SHARD], [SHARD]]

    aws("add-tags-to-stream", "--stream-name", name, "--tags", "owner=Zoë")
    tags = aws("list-tags-for-stream", "--stream-name", name)["Tags"]
    assert tags == [{"Key": "owner", "Value": "Zoë"}]
    shards = aws("describe-stream", "--stream-name", name)["StreamDescription"]["Shards"]
    assert len(shards) == 3
    assert name in aws("list-streams")["StreamNames"]

    stream_arn = summary_of(aws, name)["StreamARN"]
    consumer = ("--stream-arn", stream_arn, "--consumer-name", "reader")
    registered = aws("register-stream-consumer", *consumer)["Consumer"]
    (listed,) = aws("list-stream-consumers", "--stream-arn", stream_arn)["Consumers"]
    assert listed["ConsumerARN"] == registered["ConsumerARN"]
    assert "ResourceInUseException" in aws.error("register-stream-consumer", *consumer)

    aws("delete-stream", "--stream-name", name, "--enforce-consumer-deletion")
    gone = aws.error("describe-stream", "--stream-name", name)
    assert "(ResourceNotFoundException) when calling the DescribeStream operation" in gone
    assert f"Stream {name} under account 000000000000 not found." in gone


@pytest.mark.parametrize("server", ["https", "signed"])
def test_a_record_goes_to_a_server_with_tls_and_to_one_that_verifies_signatures(
    version: Callable[[Endpoint], AwsCli], server: str, request: pytest.FixtureRequest
) -> None:
    aws = version(request.getfixturevalue(server))
    name = create(aws)
    aws("put-record", "--stream-name", name, "--partition-key", "key", "--data", aws.raw(b"data"))
    assert data_of(read(aws, name)) == [b"data"]


def test_it_has_no_command_for_subscriptions(version: Callable[[Endpoint], AwsCli], http: Endpoint) -> None:
    assert "invalid choice" in version(http).error("subscribe-to-shard").lower()


def with_newest_model(aws: AwsCli, folder: Path) -> AwsCli:
    """The CLI with botocore's model of Kinesis, which has queues before the CLI has them."""
    loader = Loader()
    place = folder / "kinesis" / loader.determine_latest_version("kinesis", "service-2")
    place.mkdir(parents=True)
    (place / "service-2.json").write_text(json.dumps(loader.load_service_model("kinesis", "service-2")))
    return replace(aws, variables=aws.variables | {"AWS_DATA_PATH": str(folder)})


def test_a_queue_hands_out_takes_back_and_restores(http: Endpoint, tmp_path: Path) -> None:
    aws = with_newest_model(version_1(http), tmp_path)
    name = f"cli-{uuid.uuid4().hex[:12]}"
    aws("create-stream", "--stream-name", name, "--stream-mode-details", "StreamMode=ON_DEMAND")
    wait_until_active(aws, name)
    start = f"StreamARN={summary_of(aws, name)['StreamARN']},StartingPosition={{Type=TRIM_HORIZON}}"
    attributes = "DeadLetterConfiguration={TargetType=BUILT_IN,MaxReceiveCount=1}"
    settings = ("--stream-configuration-list", start, "--queue-attributes", attributes)
    created = aws("create-queue", "--queue-name", name, *settings)
    queue = ("--queue-arn", created["QueueDescription"]["QueueARN"])
    deadline = time.monotonic() + RETRY_FOR_S
    while aws("describe-queue", *queue)["QueueDescription"]["QueueStatus"] != "ACTIVE":
        assert time.monotonic() < deadline
    aws("put-record", "--stream-name", name, "--partition-key", "key", "--data", aws.raw(b"poison"))

    at_once = ("--visibility-timeout-seconds", "0")
    (first,) = aws("receive-queue-records", *queue, *at_once)["QueueRecords"]
    (dead,) = aws("receive-dead-letter-queue-records", *queue)["QueueRecords"]
    assert dead["RecordId"] == first["RecordId"]
    entry = ("--entries", f"ReceiptHandle={dead['ReceiptHandle']}")
    assert aws("restore-dead-letter-queue-records", *queue, *entry)["Failed"] == []
    (again,) = aws("receive-queue-records", *queue)["QueueRecords"]
    assert base64.b64decode(again["Data"]) == b"poison"
    entry = ("--entries", f"ReceiptHandle={again['ReceiptHandle']}")
    acknowledged = aws("acknowledge-queue-records", *queue, *entry)
    assert acknowledged["Successful"] == [{"ReceiptHandle": again["ReceiptHandle"]}]
    aws("delete-queue", *queue)
