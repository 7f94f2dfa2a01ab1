"""docs/queue-consumer.md is true: its examples run, and its table of settings is that of the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from headwater.client.queues.settings import QueueConsumerSettings
from tests.client.queues.queues import left_in, name_of, new_queue
from tests.conftest import RunningServer
from tests.waiting import RETRY_FOR_S

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "queue-consumer.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, id=name, marks=() if name == "handler" else pytest.mark.long)
        for example, name in zip(EXAMPLES, ("iteration", "handler", "asyncio"), strict=True)
    ],
)
def test_the_examples_print_and_acknowledge_every_record(
    example: str, server: RunningServer, kinesis: Any, tmp_path: Path
) -> None:
    arn = new_queue(kinesis)
    name = name_of(kinesis, arn)
    for data in (b"3 apples", b"last order"):
        kinesis.put_record(StreamName=name, PartitionKey="alice", Data=data)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables |= {"AWS_ENDPOINT_URL": server.endpoint_url, "AWS_REGION": "us-east-1"}
    ran = subprocess.run(
        [sys.executable, "-c", example.replace('"orders-to-ship"', repr(name))],
        capture_output=True,
        text=True,
        check=False,
        timeout=RETRY_FOR_S,
        cwd=tmp_path,
        env=variables,
    )
    assert (ran.stdout, ran.stderr) == ("alice b'3 apples'\nalice b'last order'\n", "")
    assert left_in(kinesis, arn) == []


def test_the_table_of_settings_has_them_all() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert rows == {field.name for field in fields(QueueConsumerSettings)}
