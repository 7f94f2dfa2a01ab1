"""Channels to a table: what fits the schema is read back by pyiceberg and DuckDB, once."""

from __future__ import annotations

import base64
import json
import zlib
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from headwater.testing import Headwater
from tests.delivery.delivered_stream import DeliveredStream
from tests.delivery.lake import Lake
from tests.neighbours.conftest import ClientOf
from tests.waiting import awaited, wait_until


@pytest.fixture
def lake(delivered: DeliveredStream, delivering: Headwater, clients: ClientOf) -> Lake:
    """A table bucket and a schema that no other test has."""
    lake = Lake(clients, delivering.endpoint_url, delivered.name)
    lake.make()
    return lake


def event(number: int, at: str = "2026-11-29T10:15:00Z", **more: object) -> bytes:
    return json.dumps({"n": number, "at": at, **more}).encode()


def state_at_rest(delivered: DeliveredStream, arn: str) -> tuple[str, str]:
    """The channel's state once it is no longer CREATING, and its reason."""

    def look() -> tuple[str, str] | None:
        found = delivered.kinesis.describe_channel(ChannelARN=arn)["ChannelDescription"]
        state = found["ChannelStatus"]
        return None if state == "CREATING" else (state, found.get("ChannelStatusReason", ""))

    return awaited(look)


def test_rows_are_in_hour_partitions_and_what_does_not_fit_among_the_dead_letters(
    delivered: DeliveredStream, lake: Lake, tmp_path: Path
) -> None:
    arn = lake.channel(delivered.arn, delivered.name)
    assert state_at_rest(delivered, arn) == ("ACTIVE", "")
    hours = ["2026-11-29T10:15:00Z", "2026-11-29T11:15:00+00:00"]
    delivered.put([event(n, hours[n % 2], name="a") for n in range(600)])
    misfits = [
        b"{",
        b"[]",
        b"{}",
        b'{"n": 1}',
        event(2, at="yesterday"),
        b'{"n": "1", "at": "%s"}' % hours[0].encode(),
    ]
    delivered.put(misfits)
    delivered.delivered()
    assert sorted(lake.rows()["n"].to_pylist()) == list(range(600))
    import duckdb  # noqa: PLC0415 - every worker would import it

    select = 'select count(*), count(distinct n), sum(n), min("at") from read_parquet($files)'
    counted = duckdb.execute(select, {"files": lake.parquet_files(tmp_path)}).fetchone()
    assert counted is not None
    assert counted[:3] == (600, 600, 600 * 599 // 2)
    assert counted[3] == datetime.fromisoformat(hours[0])
    table = lake.table()
    files = list(table.scan().plan_files())
    assert len({str(file.file.partition) for file in files}) == 2
    assert all(file.file.file_path.endswith(".parquet") for file in files)
    assert [str(field.transform) for field in table.spec().fields] == ["hour"]
    ((_, body),) = delivered.objects(errors=True).items()
    letters = [json.loads(line) for line in body.splitlines()]
    assert sorted(base64.b64decode(letter["data"]) for letter in letters) == sorted(misfits)
    reasons = {base64.b64decode(letter["data"]): letter["errorMessage"] for letter in letters}
    assert "missing required field `n`" in reasons[b"{}"]
    delivered.put([event(600)])
    delivered.delivered()
    assert len(lake.rows()) == 601
    assert len(lake.table().metadata.snapshots) == 2


def test_records_with_the_registrys_header_are_rows_if_they_name_the_channels_schema(
    delivered: DeliveredStream, lake: Lake
) -> None:
    state_at_rest(delivered, lake.channel(delivered.arn, delivered.name, "GSR_JSON", "SNAPPY"))
    other = lake.glue.create_schema(
        RegistryId={"RegistryName": lake.name},
        SchemaName="others",
        DataFormat="JSON",
        Compatibility="NONE",
        SchemaDefinition="{}",
    )["SchemaVersionId"]

    def with_header(payload: bytes, version_id: str, compression: int = 0) -> bytes:
        return bytes((3, compression)) + UUID(version_id).bytes + payload

    delivered.put(
        [
            with_header(event(1), lake.version_id),
            with_header(zlib.compress(event(2)), lake.version_id, 5),
            with_header(event(3), other),
            with_header(event(4), str(uuid4())),
            event(5),
        ]
    )
    delivered.delivered()
    assert sorted(lake.rows()["n"].to_pylist()) == [1, 2]
    ((_, body),) = delivered.objects(errors=True).items()
    reasons = sorted(json.loads(line)["errorMessage"] for line in body.splitlines())
    assert len(reasons) == 3
    assert any("is not in the registry" in reason for reason in reasons)
    assert any("its schema is arn:aws:glue" in reason for reason in reasons)
    assert any("no header" in reason for reason in reasons)


def test_a_table_that_is_there_already_is_nobodys_to_write(delivered: DeliveredStream, lake: Lake) -> None:
    first = lake.channel(delivered.arn, delivered.name)
    assert state_at_rest(delivered, first)[0] == "ACTIVE"
    delivered.kinesis.delete_channel(ChannelARN=first)
    wait_until(lambda: delivered.is_gone({"ChannelARN": first}))
    state, reason = state_at_rest(delivered, lake.channel(delivered.arn, delivered.name))
    assert state == "FAILED"
    assert "exists already" in reason


def test_a_channel_fails_without_its_schema_or_with_one_that_makes_no_table(
    delivered: DeliveredStream, lake: Lake
) -> None:
    lake.schema_arn = lake.schema_arn.replace("/events", "/absent")
    arn = lake.channel(delivered.arn, delivered.name)
    assert state_at_rest(delivered, arn)[0] == "FAILED"
    delivered.kinesis.delete_channel(ChannelARN=arn)
    wait_until(lambda: delivered.is_gone({"ChannelARN": arn}))
    lake.glue.create_schema(
        RegistryId={"RegistryName": lake.name},
        SchemaName="absent",
        DataFormat="JSON",
        Compatibility="NONE",
        SchemaDefinition='{"type": "object", "properties": {"at": {"type": "string"}}}',
    )
    state, reason = state_at_rest(delivered, lake.channel(delivered.arn, delivered.name))
    assert state == "FAILED"
    assert "the partition column at must be a string with the format date-time" in reason
