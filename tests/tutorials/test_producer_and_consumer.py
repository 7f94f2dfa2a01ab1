"""The tutorial of a producer and a consumer, two scripts with empty credentials, on both classic ports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import RunningServer
from tests.tutorials.commands import run_script

HERE = Path(__file__).parent


@pytest.mark.parametrize("started", ["server", pytest.param("server_on_4567", marks=pytest.mark.long)])
def test_the_consumer_reads_what_the_producer_wrote_five_at_a_time(
    request: pytest.FixtureRequest, tmp_path: Path, started: str
) -> None:
    server: RunningServer = request.getfixturevalue(started)
    endpoint_url = server.endpoint_url.replace("127.0.0.1", "localhost")
    produced = run_script(HERE / "producer.py", endpoint_url, "sensors", home=tmp_path)
    assert produced.exit_code == 0, produced.err
    assert len(set(produced.out.split())) == 25

    consumed = run_script(HERE / "consumer.py", endpoint_url, "sensors", home=tmp_path)
    assert consumed.exit_code == 0, consumed.err
    pages = [json.loads(line) for line in consumed.out.splitlines()]
    assert [len(page) for page in pages] == [5, 5, 5, 5, 5]
    readings = [reading for page in pages for reading in page]
    assert [reading["id"] for reading in readings] == list(range(25))
    assert readings[7] == {"id": 7, "sensor": "sensor-1", "temperature": 20.7, "unit": "°C"}
