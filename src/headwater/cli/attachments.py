"""What `headwater queue` and `headwater channel` do alike: find by name, describe, wait for, delete.

The API names both alike: `DescribeQueue` is asked for a `QueueARN`, `DescribeChannel` for a `ChannelARN`.

Refuses to know what either is made of.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Literal

import click

from headwater.cli.connection import ApiError, ClientFailure, ServerConnection
from headwater.cli.stream import poll_until, stream_arn
from headwater.cli.table import draws, json_line, printable, with_iso_times

Kind = Literal["Channel", "Queue"]
AT_REST = ("ACTIVE", "FAILED")
"""A channel may fail; a queue never does."""

wait_option = click.option(
    "--wait/--no-wait", default=True, show_default=True, help="End when it is ready, or gone."
)


def summaries(
    connection: ServerConnection, kind: Kind, stream: str | None = None
) -> Iterator[dict[str, Any]]:
    """All of a kind, or those of one stream, as ListQueues or ListChannels gives them. Raises `ApiError`."""
    chosen = None if stream is None else [{"StreamARN": stream_arn(connection, stream)}]
    page = connection.call_retrying(f"List{kind}s", StreamFilter=chosen)
    yield from page[f"{kind}Summaries"]
    while "NextToken" in page:  # which goes on with the same filter only
        token = page["NextToken"]
        page = connection.call_retrying(f"List{kind}s", StreamFilter=chosen, NextToken=token)
        yield from page[f"{kind}Summaries"]


def queue_arn(connection: ServerConnection, name: str) -> str:
    """The ARN of a queue, given by its name, its ARN, or the name of a stream that has only this one.

    Raises `ClientFailure` when there is none.
    """
    if name.startswith("arn:"):
        return name
    of_stream: list[str] = []
    for summary in summaries(connection, "Queue"):
        if summary["QueueName"] == name:
            return str(summary["QueueARN"])
        if summary["Streams"][0]["StreamARN"].endswith(f":stream/{name}"):
            of_stream.append(summary["QueueARN"])
    if len(of_stream) > 1:
        raise ClientFailure(f"the stream {printable(name)} has {len(of_stream)} queues: name one of them")
    if not of_stream:
        raise ClientFailure(f"there is no queue {printable(name)}, and no stream of that name has one")
    return of_stream[0]


def channel_arn(connection: ServerConnection, name: str) -> str:
    """The ARN of a channel, given by its name or its ARN. Raises `ClientFailure` when there is none."""
    if name.startswith("arn:"):
        return name
    for summary in summaries(connection, "Channel"):
        if summary["ChannelName"] == name:
            return str(summary["ChannelARN"])
    raise ClientFailure(f"there is no channel {printable(name)}")


def described(connection: ServerConnection, kind: Kind, arn: str) -> dict[str, Any]:
    """The description of a queue or a channel. Raises `ApiError`."""
    answer = connection.call_retrying(f"Describe{kind}", **{f"{kind}ARN": arn})
    found: dict[str, Any] = answer[f"{kind}Description"]
    return found


def show(
    connection: ServerConnection, kind: Kind, description: dict[str, Any], *, wait: bool, as_json: bool
) -> None:
    """Tell of one, once it is ready unless told not to wait. Raises `ClientFailure` for one that failed."""
    arn, name = description[f"{kind}ARN"], description[f"{kind}Name"]
    if wait:
        poll_until(
            lambda: described(connection, kind, arn)[f"{kind}Status"] in AT_REST,
            f"{name} is still not ACTIVE",
        )
        description = described(connection, kind, arn)
        if description[f"{kind}Status"] == "FAILED":
            reason = description.get(f"{kind}StatusReason", "")
            raise ClientFailure(f"{printable(name)} has failed: {reason}")
    if draws(as_json):
        click.echo(f"{name} is {description[f'{kind}Status']}: {arn}")
    else:
        sys.stdout.write(json_line(with_iso_times(description)))


def delete_attachment(
    connection: ServerConnection, kind: Kind, name: str, arn: str, *, wait: bool, as_json: bool
) -> None:
    """Delete one, wait until it is gone unless told not to, and tell of it. Raises `ApiError`."""
    connection.call(f"Delete{kind}", **{f"{kind}ARN": arn})
    if wait:
        poll_until(lambda: not _exists(connection, kind, arn), f"{name} is still being deleted")
    if draws(as_json):
        click.echo(f"{name} is deleted." if wait else f"{name} is being deleted.")
    else:
        sys.stdout.write(json_line({f"{kind}ARN": arn, "Deleted": wait}))


def _exists(connection: ServerConnection, kind: Kind, arn: str) -> bool:
    try:
        described(connection, kind, arn)
    except ApiError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return False
    return True
