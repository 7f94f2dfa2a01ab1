"""A server with delivery streams, its neighbours, and the real SDK's clients."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from headwater.testing import Headwater
from headwater.testing.admin_client import AdminClient
from tests.neighbours.conftest import ClientOf, clients_for
from tests.waiting import awaited, wait_until

ROLE = "arn:aws:iam::000000000000:role/firehose"
_numbers = count(1)


@pytest.fixture(scope="session")
def headwater() -> Iterator[Headwater]:
    """One server for all: a test uses names that no other test has."""
    with Headwater() as running:
        yield running


@pytest.fixture(scope="session")
def client_of(headwater: Headwater) -> ClientOf:
    """Makes clients for the server's services."""
    return clients_for(headwater.endpoint_url)


@pytest.fixture(scope="session")
def firehose(client_of: ClientOf) -> Any:
    """The SDK's client."""
    return client_of("firehose")


class Bucket:
    """A bucket of the neighbouring S3, and the clock by which things arrive in it."""

    def __init__(self, headwater: Headwater, s3: Any, name: str) -> None:
        self.name = name
        self.arn = f"arn:aws:s3:::{name}"
        self._headwater = headwater
        self._s3 = s3

    def keys(self, prefix: str = "") -> list[str]:
        """The names of the objects that are there."""
        listed = self._s3.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [each["Key"] for each in listed.get("Contents", [])]

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """The objects that are there."""
        return {key: self.body(key) for key in self.keys(prefix)}

    def body(self, key: str) -> bytes:
        """An object's body, as it was written."""
        found: bytes = self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return found

    def head(self, key: str) -> dict[str, Any]:
        """What is said of an object."""
        found: dict[str, Any] = self._s3.head_object(Bucket=self.name, Key=key)
        return found

    def _is_all_read(self) -> bool:
        """Whether all that was put for it is gathered or on its way; what fails is not waited for."""
        deliveries = AdminClient(self._headwater.endpoint_url).get("deliveries")["deliveries"]
        return all(
            each.get("records_behind", 0) <= each["gathered_records"] + each["records_under_way"]
            for each in deliveries
            if each["place"].startswith(f"s3://{self.name}/") and not each["last_error"]
        )

    def arrived(self, objects: int = 1, prefix: str = "") -> dict[str, bytes]:
        """The objects, once there are so many: when all is read, every look lets ten minutes pass."""
        wait_until(self._is_all_read)

        def look() -> dict[str, bytes] | None:
            self._headwater.clock.advance(minutes=10)
            return self.objects(prefix) if len(self.keys(prefix)) >= objects else None

        return awaited(look, f"{objects} objects in {self.name}")


@pytest.fixture
def bucket(headwater: Headwater, client_of: ClientOf) -> Bucket:
    """A new bucket."""
    s3, name = client_of("s3"), f"bucket-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    return Bucket(headwater, s3, name)


Create = Callable[..., str]


@pytest.fixture
def create(firehose: Any, bucket: Bucket) -> Create:
    """Makes a delivery stream to the bucket, with these members of its destination; gives its name."""

    def create(*, source: str | None = None, **members: Any) -> str:
        name = f"delivery-{next(_numbers)}"
        destination = {"RoleARN": ROLE, "BucketARN": bucket.arn, **members}
        request: dict[str, Any] = {"ExtendedS3DestinationConfiguration": destination}
        if source is not None:
            request["DeliveryStreamType"] = "KinesisStreamAsSource"
            request["KinesisStreamSourceConfiguration"] = {"KinesisStreamARN": source, "RoleARN": ROLE}
        firehose.create_delivery_stream(DeliveryStreamName=name, **request)
        return name

    return create


Put = Callable[..., None]


@pytest.fixture
def put(firehose: Any) -> Put:
    """Puts records into a delivery stream."""

    def put(name: str, *datas: bytes) -> None:
        for at in range(0, len(datas), 500):
            records = [{"Data": data} for data in datas[at : at + 500]]
            answer = firehose.put_record_batch(DeliveryStreamName=name, Records=records)
            assert answer["FailedPutCount"] == 0

    return put


def processing(*processors: tuple[str, dict[str, str]]) -> dict[str, Any]:
    """A `ProcessingConfiguration` of processors and their parameters."""
    return {
        "Enabled": True,
        "Processors": [
            {
                "Type": kind,
                "Parameters": [
                    {"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()
                ],
            }
            for kind, parameters in processors
        ],
    }


Deploy = Callable[[str], str]


@pytest.fixture
def deploy(client_of: ClientOf) -> Deploy:
    """Makes a function of Python code with a `handler`; gives its ARN."""

    def deploy(code: str) -> str:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            files.writestr("index.py", code)
        created = client_of("lambda").create_function(
            FunctionName=f"function-{next(_numbers)}",
            Runtime="python3.12",
            Role=ROLE,
            Handler="index.handler",
            Timeout=60,
            Code={"ZipFile": archive.getvalue()},
        )
        arn: str = created["FunctionArn"]
        return arn

    return deploy
