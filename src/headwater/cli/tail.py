"""`headwater tail`: the records of a stream as they arrive, from every shard, through reshards.

Rules:
- a shard is read from when all of its parents that still exist have been read to
  their end, so that the records of one partition key come in order;
- `latest` begins at the open shards as they are now. A shard that appears later is
  read from its beginning, so that no record put after the start is missed;
- an iterator that expired (a laptop that slept, a pipe that nobody read) is renewed
  after the last record that was seen;
- a shard that is throttled waits; the others go on.
"""

from __future__ import annotations

import base64
import contextlib
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, NamedTuple

import click

from headwater.cli.connection import (
    ApiError,
    ClientFailure,
    ServerConnection,
    stream_reference,
    with_connection,
)
from headwater.cli.stream import shard_is_open, shard_parents, wait_until_created
from headwater.cli.table import draws, iso_time, json_line, json_option, local_time_ms, printable
from headwater.client.calls.backoff import Backoff

POLL_S = 0.25
"""Between two reads of a shard that has nothing new: below the five a second that all its readers share."""
PAGE_RECORDS = 10_000
LONGEST_PADDED_KEY = 36
AGES_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class TailStart(NamedTuple):
    """Where in a shard to begin: the members of GetShardIterator that say so."""

    iterator_type: str
    timestamp_s: float | None = None
    after_sequence_number: str | None = None

    @property
    def members(self) -> dict[str, Any]:
        """As GetShardIterator takes them."""
        return {
            "ShardIteratorType": self.iterator_type,
            "Timestamp": self.timestamp_s,
            "StartingSequenceNumber": self.after_sequence_number,
        }


TRIM_HORIZON = TailStart("TRIM_HORIZON")
LATEST = TailStart("LATEST")


def start_of(text: str) -> TailStart:
    """The start that a person named: see `--from`. Raises ValueError for anything else.

    A time without a zone is local, as the times that are shown.
    """
    named = {"trim-horizon": TRIM_HORIZON, "latest": LATEST}.get(text.lower().replace("_", "-"))
    if named is not None:
        return named
    if age := re.fullmatch(r"-(\d+(?:\.\d+)?)([smhd])", text):
        epoch_s = time.time() - float(age[1]) * AGES_S[age[2]]
    elif re.fullmatch(r"\d+(\.\d+)?", text):
        epoch_s = float(text)
    else:
        epoch_s = datetime.fromisoformat(text).timestamp()
    return TailStart("AT_TIMESTAMP", _to_milliseconds(epoch_s))


def _start(_context: click.Context, _option: click.Parameter, text: str | None) -> TailStart | None:
    try:
        return None if text is None else start_of(text)
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{text!r} is none of trim-horizon, latest, a time such as 2026-05-01T12:00:00Z, "
            "epoch seconds, or an age such as -10m"
        ) from None


@click.command(short_help="Follow the records of a stream.")
@click.argument("stream")
@click.option(
    "--from",
    "start",
    callback=_start,
    metavar="trim-horizon|latest|TIMESTAMP",
    help="Starting position. TIMESTAMP is ISO 8601, epoch seconds, or an age such as -10m (s, m, h, d). "
    "Default: latest; trim-horizon with --no-follow.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="End after N records.")
@click.option(
    "--follow/--no-follow", default=True, help="Wait for more records, or end when every shard has been read."
)
@json_option
@with_connection
def tail(
    connection: ServerConnection,
    *,
    stream: str,
    start: TailStart | None,
    limit: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Show the records of a stream as they arrive, from every shard, through splits and merges.

    STREAM is a name or an ARN. On a terminal each line shows arrival time, shard, partition key
    and data: unprintable characters as escapes, data that is not UTF-8 in base64. In a pipe, or
    with --json, each line is a JSON object; its data is in `Data` as text if it is UTF-8, else in
    `DataBase64`. Ctrl-C ends.
    """
    if start is None:
        start = LATEST if follow else TRIM_HORIZON
    show = Lines() if draws(as_json) else write_json
    left = limit
    with contextlib.suppress(KeyboardInterrupt):
        wait_until_created(connection, stream)
        for shard_id, records in Follower(connection, stream, start).pages(follow):
            shown = records if left is None else records[:left]
            show(shard_id, shown)
            if left is not None:
                left -= len(shown)
                if left == 0:
                    return


@dataclass
class TailedShard:
    """A shard that is being read."""

    shard_id: str
    start: TailStart
    """Where to begin again, should the iterator expire."""
    was_open: bool
    """It took records when it was listed."""
    iterator: str = ""
    due_at: float = 0.0
    is_read_up: bool = False
    """It was open, and everything in it has been returned: only new records can follow."""
    backoff: Backoff = field(default_factory=lambda: Backoff("command"))


class Follower:
    """Reads all shards of a stream in turn, children after their parents."""

    def __init__(self, connection: ServerConnection, stream: str, start: TailStart) -> None:
        self._connection = connection
        self._stream = stream_reference(stream)
        self._start = start
        self._reading: dict[str, TailedShard] = {}
        self._finished: set[str] = set()

    def pages(self, follow: bool) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Pages of records with the id of their shard: for ever, or to the present end of the stream.

        Raises `ClientFailure`.
        """
        self._begin()
        while waiting := [s for s in self._reading.values() if follow or not s.is_read_up]:
            _sleep_until(min(shard.due_at for shard in waiting))
            due = [shard for shard in waiting if shard.due_at <= time.monotonic()]
            for shard in due:
                records = self._read(shard)
                if records:
                    yield shard.shard_id, records
            if any(shard.shard_id in self._finished for shard in due):
                self._start_children()
        if follow:
            raise ClientFailure("no shard is left to follow; the stream was deleted")

    def _begin(self) -> None:
        listed = self._listed_shards()
        if self._start is LATEST:
            self._finished = {shard["ShardId"] for shard in listed if not shard_is_open(shard)}
        self._start_ready(listed, self._start)

    def _start_children(self) -> None:
        # A shard that was not there at the start has no record from before it.
        self._start_ready(self._listed_shards(), TRIM_HORIZON if self._start is LATEST else self._start)

    def _start_ready(self, listed: list[dict[str, Any]], start: TailStart) -> None:
        """Start every shard that is neither read nor finished, and whose parents are finished.

        A parent that is not listed any more has left retention, and its records with it.
        """
        ids = {shard["ShardId"] for shard in listed}
        for shard in listed:
            shard_id = shard["ShardId"]
            if shard_id in self._reading or shard_id in self._finished:
                continue
            if all(parent in self._finished or parent not in ids for parent in shard_parents(shard)):
                self._reading[shard_id] = TailedShard(shard_id, start, shard_is_open(shard))
                self._renew(self._reading[shard_id])

    def _read(self, shard: TailedShard) -> list[dict[str, Any]]:
        """The next page of a shard; empty also when the shard has to wait."""
        try:
            answer = self._connection.call("GetRecords", ShardIterator=shard.iterator, Limit=PAGE_RECORDS)
        except ApiError as error:
            self._recover(shard, error)
            return []
        shard.backoff.reset()
        records: list[dict[str, Any]] = answer["Records"]
        if records:
            last = records[-1]["SequenceNumber"]
            shard.start = TailStart("AFTER_SEQUENCE_NUMBER", after_sequence_number=last)
        is_behind = answer.get("MillisBehindLatest", 0) > 0
        shard.is_read_up = shard.was_open and not is_behind
        shard.due_at = time.monotonic() + (0.0 if is_behind else POLL_S)
        shard.iterator = answer.get("NextShardIterator") or ""
        if not shard.iterator:
            self._finish(shard)
        return records

    def _recover(self, shard: TailedShard, error: ApiError) -> None:
        """Make the best of a refused read; raises the error when nothing can be made of it."""
        if error.code == "ExpiredIteratorException":
            self._renew(shard)
        elif error.code == "ResourceNotFoundException":
            self._finish(shard)  # left retention; when the stream itself is gone, listing its shards says so
        elif error.is_transient:
            shard.due_at = time.monotonic() + shard.backoff.delay_s()
        else:
            raise error

    def _renew(self, shard: TailedShard) -> None:
        """Take an iterator to what follows the last record seen."""
        asked_at_s = _to_milliseconds(time.time())
        try:
            answer = self._connection.call_retrying(
                "GetShardIterator", **self._stream, ShardId=shard.shard_id, **shard.start.members
            )
        except ApiError as error:
            if error.code != "ResourceNotFoundException":
                raise
            self._finish(shard)
            return
        shard.iterator = answer["ShardIterator"]
        if shard.start is LATEST:
            # A second LATEST would skip what arrives until then.
            shard.start = TailStart("AT_TIMESTAMP", asked_at_s)

    def _finish(self, shard: TailedShard) -> None:
        del self._reading[shard.shard_id]
        self._finished.add(shard.shard_id)

    def _listed_shards(self) -> list[dict[str, Any]]:
        answer = self._connection.call_retrying("ListShards", **self._stream)
        shards: list[dict[str, Any]] = answer["Shards"]
        while answer.get("NextToken"):
            answer = self._connection.call_retrying("ListShards", NextToken=answer["NextToken"])
            shards += answer["Shards"]
        return shards


class Lines:
    """Writes records as lines for a person, the keys padded to the longest one so far."""

    def __init__(self) -> None:
        self._key_width = 12
        click.secho(self._line("Arrived".ljust(23), "Shard".ljust(20), "Partition key", "Data"), bold=True)

    def __call__(self, shard_id: str, records: list[dict[str, Any]]) -> None:
        """Write records of one shard."""
        for record in records:
            text = _text(record)
            click.echo(
                self._line(
                    click.style(local_time_ms(record["ApproximateArrivalTimestamp"]), dim=True),
                    click.style(shard_id, dim=True),
                    printable(record.get("PartitionKey", "")),
                    f"base64:{record['Data']}" if text is None else printable(text),
                )
            )

    def _line(self, arrived: str, shard_id: str, partition_key: str, data: str) -> str:
        self._key_width = max(self._key_width, min(len(partition_key), LONGEST_PADDED_KEY))
        return f"{arrived}  {shard_id}  {partition_key.ljust(self._key_width)}  {data}"


def write_json(shard_id: str, records: list[dict[str, Any]], destination: IO[str] | None = None) -> None:
    """Write records of one shard as JSON lines, and let a pipe have them at once."""
    destination = destination or sys.stdout
    for record in records:
        text = _text(record)
        shown = {
            "ShardId": shard_id,
            "SequenceNumber": record["SequenceNumber"],
            "ApproximateArrivalTimestamp": iso_time(record["ApproximateArrivalTimestamp"]),
            "PartitionKey": record.get("PartitionKey"),
            **({"DataBase64": record["Data"]} if text is None else {"Data": text}),
        }
        destination.write(json_line(shown))
    destination.flush()


def _text(record: dict[str, Any]) -> str | None:
    """The data as text; None when it is not UTF-8."""
    try:
        return base64.b64decode(record["Data"]).decode()
    except UnicodeDecodeError:
        return None


def _to_milliseconds(epoch_s: float) -> float:
    return int(epoch_s * 1000) / 1000


def _sleep_until(due_at: float) -> None:
    time.sleep(max(0.0, due_at - time.monotonic()))
