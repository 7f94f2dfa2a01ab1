"""The pages for users of the producer are true: their examples run, their tables agree with the code."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import headwater.client
from headwater.client import KinesisConsumer, KinesisProducer
from headwater.client.producer.settings import ProducerSettings
from tests.client.streams import stored, wait_until_active
from tests.conftest import RunningServer

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "producer.md").read_text()
MIGRATING = (DOCS / "migrating" / "kinesis-python.md").read_text()
VALUES = {"10 MiB": 10 * 2**20, "64 MiB": 64 * 2**20}


@pytest.mark.long
def test_the_examples_put_what_they_say(kinesis: Any, server: RunningServer) -> None:
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    wait_until_active(kinesis, "orders")
    script = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
    variables = os.environ | {
        "AWS_ENDPOINT_URL_KINESIS": server.endpoint_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, env=variables)
    assert [record.data for record in stored(kinesis, "orders")] == [b"3 apples", b"5 pears", b"2 plums"]
    kinesis.delete_stream(StreamName="orders")


def test_the_table_of_settings_is_the_one_in_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", PAGE, re.MULTILINE)
    assert [(name, str(VALUES.get(default, default)).replace(",", "")) for name, default in rows] == [
        (setting.name, str(setting.default)) for setting in fields(ProducerSettings)
    ]


def test_what_users_of_kinesis_python_are_told_exists() -> None:
    producer = {
        *inspect.signature(KinesisProducer).parameters,
        *(field.name for field in fields(ProducerSettings)),
    }
    for name in ("stream", "session", "buffer_time_ms", "batch_records", "batch_bytes", "put_timeout_s"):
        assert name in producer
        assert f"`{name}" in MIGRATING
    assert {"stream", "session", "state"} <= set(inspect.signature(KinesisConsumer).parameters)
    names = re.search(r"^from headwater.client import (.+)$", MIGRATING, re.MULTILINE)
    assert names is not None
    assert all(hasattr(headwater.client, name) for name in names[1].split(", "))


def test_every_argument_of_kinesis_python_is_in_the_table() -> None:
    for name in (
        "stream_name", "buffer_time", "max_count", "max_size", "boto3_session", "put(data, explicit_hash_key",
        "AsyncProducer", "state=DynamoDB", "reader_sleep_time", "shutdown", "ShardReader", "LOCK_DURATION",
        "lock_shard", "checkpoint", "get_iterator_args", "RETRY_EXCEPTIONS",
    ):  # fmt: skip
        assert f"`{name}" in MIGRATING or f"{name}`" in MIGRATING or f".{name}" in MIGRATING
