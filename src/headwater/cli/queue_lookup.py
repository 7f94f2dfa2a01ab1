"""Which queue a command means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from headwater.cli.connection import ClientFailure, ServerConnection
from headwater.cli.stream import summaries_of
from headwater.cli.table import printable

visibility_option = click.option(
    "--visibility-timeout",
    type=click.IntRange(0, 43_200),
    metavar="SECONDS",
    help="The time that a received record is invisible to others. Default: 30, or the queue's own.",
)


def queue_summaries(connection: ServerConnection, stream: str | None = None) -> Iterator[dict[str, Any]]:
    """All queues, or those of one stream, as ListQueues gives them. Raises `ApiError`."""
    return summaries_of(connection, "ListQueues", "QueueSummaries", stream)


def queue_arn(connection: ServerConnection, name: str) -> str:
    """The ARN of a queue, given by its name, its ARN, or the name of a stream that has only this one.

    Raises `ClientFailure` when there is none.
    """
    if name.startswith("arn:"):
        return name
    of_stream: list[str] = []
    for summary in queue_summaries(connection):
        if summary["QueueName"] == name:
            return str(summary["QueueARN"])
        if summary["Streams"][0]["StreamARN"].endswith(f":stream/{name}"):
            of_stream.append(summary["QueueARN"])
    if len(of_stream) > 1:
        raise ClientFailure(f"the stream {printable(name)} has {len(of_stream)} queues: name one of them")
    if not of_stream:
        raise ClientFailure(f"there is no queue {printable(name)}, and no stream of that name has one")
    return of_stream[0]
