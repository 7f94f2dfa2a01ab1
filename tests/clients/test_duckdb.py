"""DuckDB reads the table of a channel, metadata, manifests and all: each record once, after kills."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.clients.client_process import CLIENTS, install, run
from tests.crash.server_process import ServerProcess
from tests.delivery.delivered_stream import ACCOUNT_ID, REGION
from tests.delivery.lake import Lake
from tests.delivery.test_kill import NAME, begin, data_of, is_done
from tests.neighbours.conftest import clients_for
from tests.waiting import wait_until

pytestmark = pytest.mark.clients

FOLDER = CLIENTS / "duckdb"
PACKAGES = FOLDER / ".packages"
PINNED = FOLDER / "requirements.txt"
IN_ONE_PUT = 500
ROUNDS = 3


def asked(endpoint_url: str, location: str, query: str) -> list[Any]:
    """The rows of an answer of DuckDB's."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PACKAGES)]
    install([*pip, "--requirement", str(PINNED)], FOLDER, PINNED, PACKAGES / ".installed")
    variables = {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCOUNT_ID,
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": REGION,
        "PYTHONPATH": os.fspath(PACKAGES),
    }
    printed = run([sys.executable, "read_table.py", location, query], FOLDER, os.environ | variables)
    rows: list[Any] = json.loads(printed)
    return rows


def test_each_record_is_in_the_table_once_after_kills(tmp_path: Path) -> None:
    sent = 0
    for round_number in range(ROUNDS + 1):
        server = ServerProcess(tmp_path / "data", 0, tmp_path / "log", "--test-clock")
        server.wait_until_ready()
        url = f"http://127.0.0.1:{server.port}"
        clients = clients_for(url)
        lake = Lake(clients, url, NAME)
        if round_number == 0:
            begin(clients("kinesis"), clients("s3"), lake)
        if round_number == ROUNDS:
            break
        numbers = range(sent, sent + IN_ONE_PUT)
        records = [{"Data": data_of(n), "PartitionKey": str(n)} for n in numbers]
        assert clients("kinesis").put_records(StreamName=NAME, Records=records)["FailedRecordCount"] == 0
        sent += IN_ONE_PUT
        if round_number != 1:
            wait_until(partial(is_done, url))  # the second round's are delivered by nobody before the kill
        server.kill()

    wait_until(partial(is_done, url))
    found = lake.s3tables.get_table_metadata_location(
        tableBucketARN=lake.bucket_arn, namespace="of_tests", name="events"
    )
    counts = "SELECT count(*), count(DISTINCT n), min(n), max(n) FROM events"
    assert asked(url, found["metadataLocation"], counts) == [[sent, sent, 0, sent - 1]]
    of_the_hour = """ "at" >= '2026-11-29T10:00:00Z' AND "at" < '2026-11-29T11:00:00Z'"""
    hour = f"SELECT count(*) FROM events WHERE {of_the_hour}"
    assert asked(url, found["metadataLocation"], hour) == [[sent]]
    server.kill()
