"""What is run on other platforms: a server's life, the commands on its data, and the client library."""

# ruff: noqa: PLC0415 - Headwater is imported when the platform has been entered

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["HEADWATER_TEST_FOLDER"])
PID_FILE = FOLDER / "pid.json"
DATA = FOLDER / "data"


def servers(folder: Path) -> Any:
    from headwater.cli.background.servers import servers as found

    return found(folder)


def told() -> dict[str, Any]:
    """What the running server says of itself, once it does."""
    while True:
        with suppress(OSError, ValueError):
            return dict(json.loads(PID_FILE.read_text("ascii")))
        time.sleep(0.005)


def run_server(work: Any, *options: str) -> int:
    """Start a server as the command line does, do something with it in a thread, and interrupt it."""
    from headwater.app.run import run
    from headwater.config import Config

    failed: list[BaseException] = []

    def use() -> None:
        try:
            work(told()["endpoints"][0])
        except BaseException as error:  # noqa: BLE001 - the main thread tells it
            failed.append(error)
        finally:
            signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    given: dict[str, Any] = {"ports": ("0",), "data_dir": str(DATA), "pid_file": str(PID_FILE)}
    code = run(Config.from_environment({}, given | dict(zip(options[::2], options[1::2], strict=True))))
    assert code in (0, 130), "it did not start"
    thread.join()
    if failed:
        raise failed[0]
    assert not PID_FILE.exists(), "the file is left behind"
    return code


def kinesis_at(url: str, service: str = "kinesis") -> Any:
    import boto3

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", **keys)


def command(*arguments: str) -> None:
    """A command of `headwater`."""
    from headwater.cli.main import main

    with suppress(SystemExit):
        main(list(arguments), standalone_mode=False)


def put_and_read(url: str) -> None:
    kinesis = kinesis_at(url)
    put = kinesis.put_record(StreamName="orders", PartitionKey="alice", Data=b"3 apples\n")
    read_back(url)
    command("backup", str(FOLDER / "one.backup"), "--endpoint-url", url)
    print("put", put["ShardId"])
    (FOLDER / "stale.json").write_text('{"pid": 1}', "ascii")
    print("running", [server.file.name for server in servers(FOLDER)])


def read_back(url: str) -> None:
    kinesis = kinesis_at(url)
    iterator = kinesis.get_shard_iterator(
        StreamName="orders", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    print("read", [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]])


def server() -> None:
    """Two lives of a server on one directory, with init files, and what can be done with its data."""
    print("ended with", run_server(put_and_read, "create_streams", "orders:1"))
    print("ended with", run_server(read_back))
    print("left", sorted(path.name for path in FOLDER.iterdir()))
    command("check", "--data-dir", str(DATA))
    command("restore", str(FOLDER / "one.backup"), "--data-dir", str(FOLDER / "restored"))
    command("check", "--data-dir", str(FOLDER / "restored"))


def refused(url: str) -> None:
    from botocore.exceptions import ClientError

    function = {"Runtime": "python3.11", "Handler": "a.b", "Code": {"ZipFile": empty_zip()}}
    try:
        kinesis_at(url, "lambda").create_function(
            FunctionName="f", Role="arn:aws:iam::000000000000:role/r", **function
        )
    except ClientError as error:
        print(error.response["Error"]["Message"])


def empty_zip() -> bytes:
    import io
    import zipfile

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.py", "def b(event, context):\n    return event\n")
    return content.getvalue()


def function_on_windows() -> None:
    """A function is refused by name there."""
    print("ended with", run_server(refused))


def invoked(url: str) -> None:
    client = kinesis_at(url, "lambda")
    code = {"Runtime": "python3.11", "Handler": "a.b", "Code": {"ZipFile": empty_zip()}}
    client.create_function(FunctionName="f", Role="arn:aws:iam::000000000000:role/r", **code)
    client.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    print(client.invoke(FunctionName="f", Payload=b'{"a": 1}')["Payload"].read().decode())


def function_on_macos() -> None:
    """A function runs there."""
    print("ended with", run_server(invoked))


def library() -> None:
    """A producer and a consumer with leases in SQLite, against a server in the same process."""
    from headwater.client import KinesisConsumer, KinesisProducer, SQLiteState
    from headwater.testing import Headwater

    with Headwater() as running:
        running.client().create_stream(StreamName="orders", ShardCount=1)
        at: dict[str, Any] = {"endpoint_url": running.endpoint_url, "region_name": "us-east-1"}
        os.environ.update(running.environment)
        with KinesisProducer("orders", **at) as producer:
            producer.put(b"3 apples", "alice")
        state = SQLiteState(str(FOLDER / "leases.db"))
        with KinesisConsumer("orders", state=state, start="TRIM_HORIZON", **at) as consumer:
            print("consumed", next(iter(consumer)).data)


def kept(url: str) -> None:
    table = {"AttributeName": "id", "KeyType": "HASH"}
    dynamodb = kinesis_at(url, "dynamodb")
    if not dynamodb.list_tables()["TableNames"]:
        attributes = [{"AttributeName": "id", "AttributeType": "S"}]
        dynamodb.create_table(
            TableName="t", KeySchema=[table], AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST"
        )
        dynamodb.put_item(TableName="t", Item={"id": {"S": "line\nend"}})
    print("items", dynamodb.scan(TableName="t")["Items"])


def neighbours() -> None:
    """What the neighbours keep is there again."""
    print("ended with", run_server(kept))
    print("ended with", run_server(kept))


def everything() -> None:
    """Every module can be imported."""
    from importlib import import_module

    from tests.source_tree import SOURCE

    skipped = {"headwater.__main__", "headwater.lambda_.functions.python_client"}
    names = [
        ".".join(("headwater", *path.relative_to(SOURCE).with_suffix("").parts))
        for path in SOURCE.rglob("*.py")
    ]
    for name in names:
        if name.removesuffix(".__init__") not in skipped and not name.endswith("cfnresponse"):
            import_module(name.removesuffix(".__init__"))
    print("imported")


if __name__ == "__main__":
    from tests.platforms import simulated

    {"win32": simulated.enter_windows, "darwin": simulated.enter_macos}[sys.argv[1]]()
    globals()[sys.argv[2]]()
