"""What `headwater queue` and `headwater channel` do alike: describe, wait for, tell of, delete.

The API names both alike: `DescribeQueue` is asked for a `QueueARN`, `DescribeChannel` for a `ChannelARN`.

Refuses to know what either is made of.
"""

from __future__ import annotations

import sys
from typing import Any, Literal

import click

from headwater.cli.connection import ApiError, ClientFailure, ServerConnection
from headwater.cli.stream import poll_until
from headwater.cli.table import draws, json_line, printable, with_iso_times

Kind = Literal["Channel", "Queue"]
AT_REST = ("ACTIVE", "FAILED")
"""A channel may fail; a queue never does."""

wait_option = click.option(
    "--wait/--no-wait", default=True, show_default=True, help="End when it is ready, or gone."
)


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
