"""What docs/telemetry.md says of spans and of the log is so."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys

import pytest

from headwater.model.clock import SystemClock
from headwater.server.request_log import LEVELS, RequestLog
from tests.source_tree import ROOT, modules

PAGE = (ROOT / "docs" / "telemetry.md").read_text()
OF_SPANS = (
    "server/tracing.py",
    "client/calls/tracing.py",
    "client/producer/put_tracing.py",
    "client/consumer/batch_tracing.py",
    "client/queues/record_tracing.py",
)
ATTRIBUTE = re.compile(r"(rpc|aws|http|error|messaging|headwater|server|url)(\.[a-z_]+)+")


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.long
def test_every_attribute_of_a_span_is_on_the_page_and_no_other() -> None:
    in_code = {
        node.value
        for module in modules()
        if module.path in OF_SPANS
        for node in module.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and ATTRIBUTE.fullmatch(node.value)
    }
    on_page = {name for name in re.findall(r"`([^`\n]+)`", section("Traces")) if ATTRIBUTE.fullmatch(name)}
    assert on_page - {"headwater.client", "headwater.server"} == in_code - {
        "headwater.client",
        "headwater.server",
    }


def test_every_field_of_the_log_is_on_the_page_and_no_other() -> None:
    written: list[str] = []
    log = RequestLog(written.append, SystemClock(), lambda flush: None, "json", "debug")
    log.call("AWS kinesis.PutRecord", 400, 0.001, "id", "info", "Error", "text")
    log.note("error", "a note", ValueError("text"))
    log.flush()
    call, note = (json.loads(line) for line in "".join(written).splitlines())
    calls, notes = section("Logs").split("**A note**")
    rows = r"^\| (`[^|]+`) \|"
    fields = [
        re.findall(r"`(\w+)`", row) for part in (calls, notes) for row in re.findall(rows, part, re.MULTILINE)
    ]
    named = [name for row in fields for name in row]
    assert named[: len(call)] == list(call)
    assert named[len(call) :][: len(note)] == list(note)
    assert set(named[len(call) + len(note) :]) <= set(LEVELS)
    (example,) = re.findall(r"^```json\n(.+)\n```", calls, re.MULTILINE)
    assert list(json.loads(example)) == list(call)


@pytest.mark.long
def test_the_example_makes_the_spans_that_it_says() -> None:
    (script,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    run = f"""
import os
from headwater.testing import Headwater
with Headwater() as server:
    os.environ.update(server.environment)
    client = server.client()
    client.create_stream(StreamName="traced", ShardCount=1)
    exec({script!r}, {{}})
"""
    ran = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    assert sorted(ran.stdout.split("\n")[:-1]) == ["PutRecords traced", "process traced", "put traced"]
