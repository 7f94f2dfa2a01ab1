"""`headwater lambda map` and `headwater lambda mappings`: streams that invoke functions.

`map` takes every option of an event source mapping by its name in the API, in the
spelling of a command line, and ends when the mapping is enabled.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from headwater.cli.connection import ClientFailure, ServerConnection, with_connection
from headwater.cli.table import draw_properties, draw_table, draws, json_line, json_option

PLACE = "/2015-03-31/event-source-mappings"
POLL_S = 0.05
WAIT_LIMIT_S = 60.0
SETTLED = ("Enabled", "Disabled")

_OPTIONS: tuple[Callable[..., Any], ...] = (
    click.option(
        "--batch-size",
        type=click.IntRange(1, 10_000),
        help="Maximum number of records in a batch. Default: 100.",
    ),
    click.option(
        "--batching-window-s",
        type=click.IntRange(0, 300),
        help="Seconds that a batch waits for more records. Default: 0.",
    ),
    click.option(
        "--starting-position",
        default="TRIM_HORIZON",
        show_default=True,
        help="Position in each shard: TRIM_HORIZON, LATEST, or a time such as 2026-11-20T09:30:00Z.",
    ),
    click.option(
        "--parallelization-factor",
        type=click.IntRange(1, 10),
        help="Batches of one shard at a time. Default: 1.",
    ),
    click.option(
        "--maximum-record-age-s",
        type=click.IntRange(-1, 604_800),
        help="Age at which a record is given up, in seconds. Default: -1, no limit.",
    ),
    click.option(
        "--maximum-retry-attempts",
        type=click.IntRange(-1, 10_000),
        help="Retries before a failed batch is given up. Default: -1, no limit.",
    ),
    click.option("--bisect", is_flag=True, help="Retry a failed batch in two halves."),
    click.option(
        "--on-failure",
        metavar="ARN",
        help="Destination of batches that are given up: a queue, topic, bucket or stream.",
    ),
    click.option(
        "--filter",
        "filters",
        multiple=True,
        metavar="PATTERN",
        help="Filter pattern of records, as JSON; may be given up to 5 times.",
    ),
    click.option(
        "--tumbling-window-s",
        type=click.IntRange(0, 900),
        help="Seconds of a tumbling window. Default: no window.",
    ),
    click.option(
        "--report-item-failures",
        is_flag=True,
        help="Retry only from the first record that the function reports as failed.",
    ),
    click.option("--disabled", is_flag=True, help="Create the mapping disabled: nothing is read yet."),
)


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("map")
@click.argument("stream")
@click.argument("function")
@_with_options
@json_option
@with_connection
def map_stream(
    connection: ServerConnection, stream: str, function: str, *, as_json: bool, **arguments: Any
) -> None:
    """Invoke FUNCTION with the records of STREAM, by an event source mapping.

    STREAM is a name or an ARN; the ARN of a registered consumer reads by enhanced fan-out.
    """
    request = {
        "EventSourceArn": _arn_of(connection, stream),
        "FunctionName": function,
        **_members(arguments),
    }
    mapping = connection.call_lambda("POST", PLACE, request)
    mapping = _settled(connection, mapping["UUID"])
    if draws(as_json):
        click.echo(
            f"{mapping['UUID']} is {mapping['State'].lower()}: {stream} invokes {mapping['FunctionArn']}"
        )
    else:
        sys.stdout.write(json_line(mapping))


@click.command("mappings")
@json_option
@with_connection
def mappings(connection: ServerConnection, as_json: bool) -> None:
    """List the event source mappings of every account, with their lag and last result."""
    found = connection.ask_route("GET", "event-source-mappings")["event_source_mappings"]
    if not draws(as_json):
        sys.stdout.writelines(map(json_line, found))
    elif found:
        rows = [
            (
                mapping["uuid"],
                mapping["event_source_arn"].partition(":stream/")[2],
                mapping["function_arn"].partition(":function:")[2],
                mapping["state"],
                f"{mapping['records_behind']:,}",
                mapping["last_processing_result"],
            )
            for mapping in found
        ]
        draw_table(["Id", "Stream", "Function", "State", "Records behind", "Last result"], rows)
    else:
        click.echo("There are no mappings.")


@click.command("unmap")
@click.argument("uuid", metavar="ID")
@json_option
@with_connection
def unmap(connection: ServerConnection, uuid: str, as_json: bool) -> None:
    """Delete the event source mapping with this ID."""
    mapping = connection.call_lambda("DELETE", f"{PLACE}/{uuid}")
    if draws(as_json):
        draw_properties([("Id", mapping["UUID"]), ("State", mapping["State"])])
    else:
        sys.stdout.write(json_line(mapping))


def _arn_of(connection: ServerConnection, stream: str) -> str:
    if stream.startswith("arn:"):
        return stream
    summary = connection.call("DescribeStreamSummary", StreamName=stream)
    arn: str = summary["StreamDescriptionSummary"]["StreamARN"]
    return arn


def _members(arguments: dict[str, Any]) -> dict[str, Any]:
    """The members of the request; what was not said is left out."""
    members = {
        "BatchSize": arguments["batch_size"],
        "MaximumBatchingWindowInSeconds": arguments["batching_window_s"],
        "ParallelizationFactor": arguments["parallelization_factor"],
        "MaximumRecordAgeInSeconds": arguments["maximum_record_age_s"],
        "MaximumRetryAttempts": arguments["maximum_retry_attempts"],
        "BisectBatchOnFunctionError": arguments["bisect"] or None,
        "TumblingWindowInSeconds": arguments["tumbling_window_s"],
        "Enabled": False if arguments["disabled"] else None,
    }
    if arguments["on_failure"]:
        members["DestinationConfig"] = {"OnFailure": {"Destination": arguments["on_failure"]}}
    if arguments["filters"]:
        members["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in arguments["filters"]]}
    if arguments["report_item_failures"]:
        members["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
    members |= _start(arguments["starting_position"])
    return {name: value for name, value in members.items() if value is not None}


def _start(text: str) -> dict[str, Any]:
    if text in ("TRIM_HORIZON", "LATEST"):
        return {"StartingPosition": text}
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ClientFailure(f"{text!r} is neither TRIM_HORIZON nor LATEST nor a time") from None
    return {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": moment.timestamp()}


def _settled(connection: ServerConnection, uuid: str) -> dict[str, Any]:
    """The mapping when its transition is over, or as it is when that takes long."""
    give_up_at = time.monotonic() + WAIT_LIMIT_S
    while True:
        mapping = connection.call_lambda("GET", f"{PLACE}/{uuid}")
        if mapping["State"] in SETTLED or time.monotonic() > give_up_at:
            return mapping
        time.sleep(POLL_S)
