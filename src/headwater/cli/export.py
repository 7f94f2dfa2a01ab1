"""`headwater export`: the records of a stream as JSON lines, for `headwater import` or any other tool.

What is there when it is called is written: every shard from its beginning, a child after its
parents, so that the records of one partition key stay in order.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from headwater.cli.connection import ClientFailure, ServerConnection, with_connection
from headwater.cli.stream import wait_until_created
from headwater.cli.tail import TRIM_HORIZON, Follower, write_json


@click.command(short_help="Write the records of a stream as JSON lines.")
@click.argument("stream")
@click.option(
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write to. Default: standard output.",
)
@with_connection
def export(connection: ServerConnection, *, stream: str, path: Path | None) -> None:
    """Write every record that a stream holds as a line of JSON.

    \b
    headwater export orders --output orders.jsonl
    headwater import orders-again orders.jsonl

    STREAM is a name or an ARN. A line has ShardId, SequenceNumber, ApproximateArrivalTimestamp and
    PartitionKey, and the data as text in Data, or in DataBase64 when it is not UTF-8.
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with a backspace
    wait_until_created(connection, stream)
    with _destination(path) as destination:
        for shard_id, records in Follower(connection, stream, TRIM_HORIZON).pages(follow=False):
            write_json(shard_id, records, destination)


@contextlib.contextmanager
def _destination(path: Path | None) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
        return
    try:
        with path.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise ClientFailure(f"{path} cannot be written: {error}") from error
