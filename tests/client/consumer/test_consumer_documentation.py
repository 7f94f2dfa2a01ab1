"""docs/consumer.md is true: its examples run, and its table of settings is that of the code."""

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

from headwater.client import KinesisConsumer
from headwater.client.consumer.settings import ConsumerSettings
from headwater.client.leases.kcl_table import CHECKPOINT, COLUMNS, STREAM, SUB_SEQUENCE_NUMBER
from tests.client.streams import new_stream
from tests.conftest import RunningServer
from tests.waiting import RETRY_FOR_S

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "consumer.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, id=name, marks=() if name == "handler" else pytest.mark.long)
        for example, name in zip(EXAMPLES, ("iteration", "handler", "asyncio"), strict=True)
    ],
)
def test_the_examples_print_every_record(
    example: str, server: RunningServer, kinesis: Any, tmp_path: Path
) -> None:
    stream = new_stream(kinesis)
    for data in (b"3 apples", b"last order"):
        kinesis.put_record(StreamName=stream, PartitionKey="alice", Data=data)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables |= {"AWS_ENDPOINT_URL": server.endpoint_url, "AWS_REGION": "us-east-1"}
    ran = subprocess.run(
        [sys.executable, "-c", example.replace('"orders"', repr(stream))],
        capture_output=True,
        text=True,
        check=False,
        timeout=RETRY_FOR_S,
        cwd=tmp_path,
        env=variables,
    )
    assert (ran.stdout, ran.stderr) == ("alice b'3 apples'\nalice b'last order'\n", "")


def test_the_table_of_settings_has_them_all() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    faces = {"state", "threads"}
    assert faces <= set(inspect.signature(KinesisConsumer.__init__).parameters)
    assert rows == {field.name for field in fields(ConsumerSettings)} | faces


def test_the_attributes_of_the_table_are_named() -> None:
    written = {column.attribute for column in COLUMNS.values()} | {CHECKPOINT, STREAM, SUB_SEQUENCE_NUMBER}
    assert all(f"`{attribute}`" in PAGE for attribute in written)
