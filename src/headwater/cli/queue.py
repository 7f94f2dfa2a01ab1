"""`headwater queue`: queues of a stream, their records and dead letters.

`create`, `update` and `delete` end when the queue is ready, or gone, unless told not to
wait: the next command of a script can rely on it. QUEUE is a name or an ARN.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click

from headwater.cli.attachments import delete_attachment, described, queue_arn, show, summaries, wait_option
from headwater.cli.connection import ServerConnection, with_connection
from headwater.cli.queue_records import acknowledge, dead_letters, receive, restore, visibility_option
from headwater.cli.queue_work import work
from headwater.cli.stream import stream_arn, tags_of
from headwater.cli.table import (
    draw_properties,
    draw_table,
    draws,
    json_line,
    json_option,
    local_time,
    with_iso_times,
)

max_receives_option = click.option(
    "--max-receives",
    type=click.IntRange(0, 1000),
    metavar="N",
    help="The receives after which a record is a dead letter. Default: 6. 0: never.",
)


@click.group(short_help="Share a stream's records among workers.")
def queue() -> None:
    """Share a stream's records among workers, with acknowledgements and dead letters."""


@queue.command()
@click.argument("name")
@click.argument("stream")
@click.option(
    "--from",
    "start",
    default="latest",
    show_default=True,
    metavar="trim-horizon|latest|TIME",
    help="The position where delivery begins. TIME is such as 2026-11-20T09:30:00Z.",
)
@visibility_option
@max_receives_option
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="May be given many times.")
@wait_option
@json_option
@with_connection
def create(
    connection: ServerConnection,
    *,
    name: str,
    stream: str,
    start: str,
    visibility_timeout: int | None,
    max_receives: int | None,
    tags: tuple[str, ...],
    wait: bool,
    as_json: bool,
) -> None:
    """Create a queue on STREAM, an on-demand stream, and wait until it is ACTIVE."""
    arn = stream_arn(connection, stream)
    answer = connection.call(
        "CreateQueue",
        QueueName=name,
        StreamConfigurationList=[{"StreamARN": arn, "StartingPosition": _position(start)}],
        QueueAttributes=_attributes(visibility_timeout, max_receives),
        Tags=tags_of(tags),
    )
    show(connection, "Queue", answer["QueueDescription"], wait=wait, as_json=as_json)


@queue.command("list")
@click.option("--stream", metavar="STREAM", help="Only the queues of this stream, a name or an ARN.")
@json_option
@with_connection
def list_queues(connection: ServerConnection, stream: str | None, as_json: bool) -> None:
    """List all queues."""
    listed = list(summaries(connection, "Queue", stream))
    if not draws(as_json):
        sys.stdout.writelines(json_line(with_iso_times(summary)) for summary in listed)
    elif listed:
        rows = [
            (
                summary["QueueName"],
                summary["QueueStatus"],
                summary["Streams"][0]["StreamARN"].partition(":stream/")[2],
                local_time(summary["QueueCreationTimestamp"]),
            )
            for summary in listed
        ]
        draw_table(["Queue", "Status", "Stream", "Created"], rows)
    else:
        click.echo("There are no queues.")


@queue.command()
@click.argument("name", metavar="QUEUE")
@json_option
@with_connection
def describe(connection: ServerConnection, name: str, as_json: bool) -> None:
    """Show a queue."""
    description = described(connection, "Queue", queue_arn(connection, name))
    if not draws(as_json):
        sys.stdout.write(json_line(with_iso_times(description)))
        return
    attributes = description.get("QueueAttributes", {})
    (source,) = description["StreamConfigurationList"]
    position = source.get("StartingPosition", {})
    draw_properties(
        [
            ("Queue", description["QueueName"]),
            ("ARN", description["QueueARN"]),
            ("Status", description["QueueStatus"]),
            ("Stream", source["StreamARN"].partition(":stream/")[2]),
            ("From", _position_text(position)),
            ("Visibility", f"{attributes.get('VisibilityTimeoutSeconds', '-')} seconds"),
            ("Dead letters", _dead_letters_text(attributes.get("DeadLetterConfiguration", {}))),
            ("Created", local_time(description["QueueCreationTimestamp"])),
        ]
    )


@queue.command()
@click.argument("name", metavar="QUEUE")
@visibility_option
@max_receives_option
@wait_option
@json_option
@with_connection
def update(
    connection: ServerConnection,
    *,
    name: str,
    visibility_timeout: int | None,
    max_receives: int | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Change the attributes of a queue, for records that are received afterwards."""
    attributes = _attributes(visibility_timeout, max_receives)
    if attributes is None:
        raise click.UsageError("give --visibility-timeout, --max-receives or both")
    arn = queue_arn(connection, name)
    answer = connection.call("UpdateQueue", QueueARN=arn, QueueAttributes=attributes)
    show(connection, "Queue", answer["QueueDescription"], wait=wait, as_json=as_json)


@queue.command()
@click.argument("name", metavar="QUEUE")
@click.option("--yes", is_flag=True, help="Do not ask; in a pipe nothing is asked anyway.")
@wait_option
@json_option
@with_connection
def delete(connection: ServerConnection, *, name: str, yes: bool, wait: bool, as_json: bool) -> None:
    """Delete a queue and wait until it is gone. The stream keeps its records."""
    if not yes and sys.stdin.isatty() and sys.stdout.isatty():
        click.confirm(f"Delete {name}, and forget what it has delivered?", abort=True)
    arn = queue_arn(connection, name)
    delete_attachment(connection, "Queue", name, arn, wait=wait, as_json=as_json)


for command in (receive, acknowledge, dead_letters, restore, work):
    queue.add_command(command)


def _attributes(visibility_timeout_s: int | None, max_receives: int | None) -> dict[str, Any] | None:
    attributes: dict[str, Any] = {}
    if visibility_timeout_s is not None:
        attributes["VisibilityTimeoutSeconds"] = visibility_timeout_s
    if max_receives:
        attributes["DeadLetterConfiguration"] = {"TargetType": "BUILT_IN", "MaxReceiveCount": max_receives}
    elif max_receives is not None:
        attributes["DeadLetterConfiguration"] = {"TargetType": "NONE"}
    return attributes or None


def _position(text: str) -> dict[str, Any]:
    word = text.upper().replace("-", "_")
    if word in ("TRIM_HORIZON", "LATEST"):
        return {"Type": word}
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        reason = f"{text!r} is none of trim-horizon, latest, and a time"
        raise click.BadParameter(reason, param_hint="--from") from None
    return {"Type": "AT_TIMESTAMP", "Timestamp": moment.timestamp()}


def _position_text(position: dict[str, Any]) -> str:
    kind = position.get("Type", "LATEST").lower().replace("_", "-")
    return f"{kind}, {local_time(position['Timestamp'])}" if "Timestamp" in position else kind


def _dead_letters_text(configuration: dict[str, Any]) -> str:
    if configuration.get("TargetType") == "NONE":
        return "never"
    return f"after {configuration.get('MaxReceiveCount', '-')} receives"
