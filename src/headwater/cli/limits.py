"""`headwater limits`: which streams of a running server are limited as at AWS, or to other figures."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from headwater.cli.connection import ServerConnection, with_connection
from headwater.cli.table import draw_table, draws, json_line, json_option

ROUTE = "limits"


class FigureRow(NamedTuple):
    """How a figure is shown to a person, and what it is."""

    heading: str
    help: str


FIGURES = {
    "records_in_per_s": FigureRow("Records/s in", "Records that a shard takes in a second. AWS: 1000."),
    "bytes_in_per_s": FigureRow(
        "Bytes/s in", "Bytes of data and keys that a shard takes in a second. AWS: 1048576."
    ),
    "reads_per_s": FigureRow("Reads/s", "GetRecords calls that a shard answers in a second. AWS: 5."),
    "bytes_out_per_s": FigureRow(
        "Bytes/s out", "Bytes that a shard gives to GetRecords in a second. AWS: 2097152."
    ),
    "fan_out_bytes_per_s": FigureRow(
        "Fan-out bytes/s", "Bytes that a shard pushes to each consumer in a second. AWS: 2097152."
    ),
    "shards_max": FigureRow(
        "Shards", "Maximum number of open shards of an on-demand stream. AWS: 200, in some regions 10240."
    ),
}
_ACCOUNT_ID_DIGITS = 12

stream_argument = click.argument("stream", metavar="[STREAM]", required=False)


def figure_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each figure."""
    for figure, row in reversed(FIGURES.items()):
        name = f"--{figure.replace('_', '-')}"
        command = click.option(name, type=click.IntRange(min=1), metavar="N", help=row.help)(command)
    return command


@click.group(short_help="Choose the streams that have AWS's limits, or others.")
def limits() -> None:
    """Choose the streams of a running server that have AWS's limits, or limits of your own.

    STREAM is a name or an ARN and has a rule of its own; without STREAM the rule is for all
    streams that have none. Rules end with the server, and a stream's rule with the stream.
    """


@limits.command("list")
@json_option
@with_connection
def list_limits(connection: ServerConnection, as_json: bool) -> None:
    """List the rule for all streams, and the rules of single streams."""
    _show(connection.ask_route("GET", ROUTE), as_json=as_json)


@limits.command()
@stream_argument
@figure_options
@json_option
@with_connection
def enforce(connection: ServerConnection, stream: str | None, as_json: bool, **figures: int | None) -> None:
    """Enforce AWS's rates from now on, or the rates given here: refuse what is beyond them."""
    _change(connection, stream, as_json=as_json, enforce=True, **figures)


@limits.command()
@stream_argument
@json_option
@with_connection
def exempt(connection: ServerConnection, stream: str | None, as_json: bool) -> None:
    """Enforce no rate from now on."""
    _change(connection, stream, as_json=as_json, enforce=False)


@limits.command()
@stream_argument
@json_option
@with_connection
def remove(connection: ServerConnection, stream: str | None, as_json: bool) -> None:
    """Remove a rule: a stream has then the rule for all, and all streams the one the server began with."""
    _change(connection, stream, as_json=as_json, remove=True)


def _change(connection: ServerConnection, stream: str | None, *, as_json: bool, **rule: Any) -> None:
    place: dict[str, str | None] = {}
    if stream is not None:
        place["stream"] = stream
        if not stream.startswith("arn:"):
            place["region"] = connection.environment.region
            key = connection.environment.access_key_id
            # such a key is an account, as everywhere in the server
            place["account_id"] = key if key.isdecimal() and len(key) == _ACCOUNT_ID_DIGITS else None
    given = {member: value for member, value in (place | rule).items() if value is not None}
    _show(connection.ask_route("POST", ROUTE, given), as_json=as_json)


def _show(rules: dict[str, Any], *, as_json: bool) -> None:
    default = {"stream": None} | rules["default"]
    listed = [default, *rules["streams"]]
    if not draws(as_json):
        sys.stdout.writelines(json_line(rule) for rule in listed)
        return
    headings = [row.heading for row in FIGURES.values()]
    draw_table(["Stream", "Account", "Region", "Limited", *headings], [_row(rule) for rule in listed])


def _row(rule: dict[str, Any]) -> list[object]:
    place = [rule.get(member) for member in ("account_id", "region")]
    figures = [rule.get(figure) for figure in FIGURES]
    cells = [rule["stream"] or "all others", *place, "yes" if rule["enforce"] else "no", *figures]
    return ["" if cell is None else cell for cell in cells]
