"""`headwater fault`: make calls go wrong on purpose.

Each kind of fault is a command below `add`; all take the same options for which calls
it is about and how often. What makes no sense is refused by the server, in its words.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from headwater.cli.connection import ServerConnection, with_connection
from headwater.cli.table import draw_table, draws, json_line, json_option

_OF_SUBSCRIPTIONS = (
    click.option("--stream", help="Only calls on this stream, by name or ARN."),
    click.option("--shard", help="Only calls on this shard, by id or number."),
    click.option("--consumer", help="Only calls of this registered consumer, by name."),
)
_OF_CALLS = (
    click.option(
        "--operation",
        multiple=True,
        help="Only calls of this operation, such as PutRecord; may be given many times.",
    ),
    *_OF_SUBSCRIPTIONS,
    click.option("--partition-key", help="Only puts of a record with this partition key."),
)
_HOW_OFTEN = (
    click.option(
        "--times",
        type=click.IntRange(min=1),
        help="Number of times that the fault happens. Default: no limit.",
    ),
    click.option(
        "--skip",
        type=click.IntRange(min=0),
        help="Number of matching calls that are let through first. Default: 0.",
    ),
    click.option(
        "--probability",
        type=click.FloatRange(0, 1, min_open=True),
        help="Probability of the fault for each matching call. Default: 1.",
    ),
    click.option(
        "--seed", type=int, help="Seed of the probability: the same seed and calls give the same faults."
    ),
)
_after_option = click.option(
    "--after", is_flag=True, help="After the operation has taken effect. Default: before."
)
_message_option = click.option("--message", help="Text of the error.")
_ENDING = (
    click.option(
        "--after-events", type=click.IntRange(min=0), help="Number of events that come first. Default: 0."
    ),
    click.option("--error", help="Exception that ends the events. Default: they end without one."),
    _message_option,
    click.option("--cut", is_flag=True, help="End the connection in the middle, instead of the events."),
)
"""How a subscription ends."""


def _with(*options: Callable[..., Any]) -> Callable[..., Any]:
    def give(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed((*options, json_option)):
            command = option(command)
        return command

    return give


@click.group(short_help="Make calls go wrong on purpose.")
def fault() -> None:
    """Make calls go wrong on purpose, to test how producers and consumers cope.

    \b
    headwater fault add error ProvisionedThroughputExceededException --operation PutRecord --times 3
    headwater fault add cut --after --operation PutRecords --probability 0.1
    headwater fault list
    headwater fault clear
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with a backspace


@fault.group(short_help="Add a fault.")
def add() -> None:
    """Add a fault, which stays until it is removed or the server stops."""


@add.command(short_help="Answer with an error of the API.")
@click.argument("error")
@_message_option
@_with(*_OF_CALLS, *_HOW_OFTEN)
@with_connection
def error(connection: ServerConnection, **arguments: Any) -> None:
    """Answer with ERROR, the name of an error of the API, instead of running the operation."""
    _add(connection, "error", arguments)


@add.command(short_help="Refuse records of PutRecords calls.")
@click.option(
    "--records",
    type=click.IntRange(min=1),
    help="Number of records refused in each call. Default: all that match.",
)
@click.option(
    "--error",
    type=click.Choice(["ProvisionedThroughputExceededException", "InternalFailure"]),
    help="Error code of these records. Default: ProvisionedThroughputExceededException.",
)
@_message_option
@_with(*_OF_CALLS, *_HOW_OFTEN)
@with_connection
def throttle(connection: ServerConnection, **arguments: Any) -> None:
    """Refuse matching records of PutRecords calls; the others are stored."""
    _add(connection, "throttle", arguments)


@add.command(short_help="Delay an operation or its answer.")
@click.argument("delay_ms", metavar="MILLISECONDS", type=click.IntRange(min=1))
@_after_option
@_with(*_OF_CALLS, *_HOW_OFTEN)
@with_connection
def delay(connection: ServerConnection, **arguments: Any) -> None:
    """Delay the operation, or with --after its answer, by MILLISECONDS."""
    _add(connection, "delay", _with_moment(arguments))


@add.command(short_help="End the connection without an answer.")
@_after_option
@_with(*_OF_CALLS, *_HOW_OFTEN)
@with_connection
def cut(connection: ServerConnection, **arguments: Any) -> None:
    """End the connection without an answer, before the operation or with --after it."""
    _add(connection, "cut", _with_moment(arguments))


@add.command("expire-iterator", short_help="Answer that an iterator is too old.")
@_with(*_OF_CALLS, *_HOW_OFTEN)
@with_connection
def expire_iterator(connection: ServerConnection, **arguments: Any) -> None:
    """Answer GetRecords with ExpiredIteratorException, as if the iterator were too old."""
    _add(connection, "expire_iterator", arguments)


@add.command("end-subscription")
@_with(*_ENDING, *_OF_CALLS, *_HOW_OFTEN)
@with_connection
def end_subscription(connection: ServerConnection, **arguments: Any) -> None:
    """End subscriptions that are opened from now on."""
    _add(connection, "end_subscription", arguments)


@fault.command("end-subscriptions")
@_with(*_ENDING, *_OF_SUBSCRIPTIONS, *_HOW_OFTEN)
@with_connection
def end_subscriptions(connection: ServerConnection, *, as_json: bool, **arguments: Any) -> None:
    """End subscriptions that are open now."""
    answer = connection.ask_route("POST", "faults", _document("end_open_subscriptions", arguments))
    _tell(answer, f"{answer['ended']} ended", as_json=as_json)


@fault.command("list", short_help="List all faults.")
@json_option
@with_connection
def list_faults(connection: ServerConnection, as_json: bool) -> None:
    """List all faults, with the number of calls that each matched and met."""
    rules = connection.ask_route("GET", "faults")["faults"]
    if not draws(as_json):
        sys.stdout.writelines(map(json_line, rules))
    elif rules:
        rows = [
            (rule["id"], rule["action"], _details(rule), rule["matched"], rule["fired"]) for rule in rules
        ]
        draw_table(["Id", "Fault", "Of what", "Matched", "Fired"], rows)
    else:
        click.echo("There are no faults.")


@fault.command()
@click.argument("numbers", metavar="ID...", nargs=-1, required=True, type=click.IntRange(min=1))
@json_option
@with_connection
def remove(connection: ServerConnection, numbers: tuple[int, ...], as_json: bool) -> None:
    """Remove the faults with these IDs; `headwater fault list` shows them."""
    for number in numbers:
        rule = connection.ask_route("DELETE", f"faults/{number}")
        _tell(rule, f"fault {number} is removed; it happened {rule['fired']} times", as_json=as_json)


@fault.command()
@json_option
@with_connection
def clear(connection: ServerConnection, as_json: bool) -> None:
    """Remove all faults."""
    answer = connection.ask_route("DELETE", "faults")
    _tell(answer, f"{answer['removed']} removed", as_json=as_json)


def _add(connection: ServerConnection, action: str, arguments: dict[str, Any]) -> None:
    as_json = arguments.pop("as_json")
    rule = connection.ask_route("POST", "faults", _document(action, arguments))
    _tell(rule, f"fault {rule['id']}: {action}, {_details(rule) or 'of every call'}", as_json=as_json)


def _document(action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The fault as the server reads it; what was not said is left out."""
    members = {
        name: value
        for name, value in arguments.items()
        if value is not None and value is not False and value != ()
    }
    return {"action": action, **members}


def _with_moment(arguments: dict[str, Any]) -> dict[str, Any]:
    is_after = arguments.pop("after")
    return {**arguments, "when": "after" if is_after else "before"}


def _details(rule: dict[str, Any]) -> str:
    shown = {name: value for name, value in rule.items() if name not in ("id", "action", "matched", "fired")}
    return ", ".join(
        f"{name} {' '.join(value) if isinstance(value, list) else value}" for name, value in shown.items()
    )


def _tell(answer: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    click.echo(sentence) if draws(as_json) else sys.stdout.write(json_line(answer))
