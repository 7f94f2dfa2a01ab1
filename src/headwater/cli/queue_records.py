"""`headwater queue receive`, `acknowledge`, `dead-letters` and `restore`: the records of a queue.

A receive of many records is several calls of ten; so is a settlement.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from headwater.cli.attachments import queue_arn
from headwater.cli.connection import ClientFailure, ServerConnection, with_connection
from headwater.cli.table import (
    draw_table,
    draws,
    json_line,
    json_option,
    local_time,
    printable,
    with_iso_times,
)

ENTRIES_MAX = 10
"""Of one call."""
HANDLING_S = 30
"""The visibility of dead letters while they are restored."""
SHOWN_CHARACTERS = 60

visibility_option = click.option(
    "--visibility-timeout",
    type=click.IntRange(0, 43_200),
    metavar="SECONDS",
    help="The time that a received record is invisible to others. Default: 30, or the queue's own.",
)


@click.command()
@click.argument("name", metavar="QUEUE")
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, metavar="N")
@click.option(
    "--wait",
    "wait_s",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    metavar="SECONDS",
    help="The time to wait for a record.",
)
@visibility_option
@click.option("--acknowledge", "acknowledges", is_flag=True, help="Acknowledge what was written.")
@json_option
@with_connection
def receive(
    connection: ServerConnection,
    *,
    name: str,
    limit: int,
    wait_s: int,
    visibility_timeout: int | None,
    acknowledges: bool,
    as_json: bool,
) -> None:
    """Receive up to N records from a queue."""
    arn = queue_arn(connection, name)
    records = _received(connection, "ReceiveQueueRecords", arn, limit, wait_s, visibility_timeout)
    receipts = _write_records(records, "There is nothing to receive.", as_json=as_json)
    if acknowledges:
        _settle(connection, "AcknowledgeQueueRecords", arn, receipts)


@click.command()
@click.argument("name", metavar="QUEUE")
@click.argument("receipts", metavar="RECEIPT...", nargs=-1, required=True)
@click.option("--dead-letters", "are_dead_letters", is_flag=True, help="They are of dead letters.")
@json_option
@with_connection
def acknowledge(
    connection: ServerConnection,
    *,
    name: str,
    receipts: tuple[str, ...],
    are_dead_letters: bool,
    as_json: bool,
) -> None:
    """Acknowledge records by their receipt handles: they are not delivered again."""
    operation = "AcknowledgeDeadLetterQueueRecords" if are_dead_letters else "AcknowledgeQueueRecords"
    settled = _settle(connection, operation, queue_arn(connection, name), receipts)
    _tell_settled(settled, "acknowledged", as_json=as_json)


@click.command("dead-letters")
@click.argument("name", metavar="QUEUE")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, metavar="N")
@click.option(
    "--visibility-timeout",
    type=click.IntRange(1, 43_200),
    default=HANDLING_S,
    show_default=True,
    metavar="SECONDS",
    help="The time that they are invisible to others.",
)
@json_option
@with_connection
def dead_letters(
    connection: ServerConnection, *, name: str, limit: int, visibility_timeout: int, as_json: bool
) -> None:
    """Receive up to N dead letters of a queue, to look at, acknowledge or restore."""
    arn = queue_arn(connection, name)
    records = _received(connection, "ReceiveDeadLetterQueueRecords", arn, limit, 1, visibility_timeout)
    _write_records(records, "There are no dead letters.", as_json=as_json)


@click.command()
@click.argument("name", metavar="QUEUE")
@click.argument("receipts", metavar="[RECEIPT]...", nargs=-1)
@click.option("--all", "restores_all", is_flag=True, help="Restore all dead letters, instead of RECEIPTs.")
@json_option
@with_connection
def restore(
    connection: ServerConnection,
    *,
    name: str,
    receipts: tuple[str, ...],
    restores_all: bool,
    as_json: bool,
) -> None:
    """Restore dead letters by their receipt handles: they are delivered again as records."""
    if restores_all == bool(receipts):
        raise click.UsageError("give either RECEIPTs or --all")
    arn = queue_arn(connection, name)
    if restores_all:
        records = _received(connection, "ReceiveDeadLetterQueueRecords", arn, sys.maxsize, 1, HANDLING_S)
        receipts = tuple(record["ReceiptHandle"] for record in records)
    settled = _settle(connection, "RestoreDeadLetterQueueRecords", arn, receipts)
    _tell_settled(settled, "restored", as_json=as_json)


def _received(
    connection: ServerConnection,
    operation: str,
    arn: str,
    limit: int,
    wait_s: int,
    visibility_timeout_s: int | None,
) -> Iterator[dict[str, Any]]:
    """Records until there are `limit`, or no more to be had; only the first call waits long.

    A record that comes a second time has become visible meanwhile: everything else was there before it.
    """
    seen: set[str] = set()
    while len(seen) < limit:
        page = connection.call_retrying(
            operation,
            QueueARN=arn,
            Limit=min(limit - len(seen), ENTRIES_MAX),
            WaitTimeSeconds=wait_s,
            VisibilityTimeoutSeconds=visibility_timeout_s,
        )["QueueRecords"]
        wait_s = 1
        for record in page:
            if record["RecordId"] in seen:
                return
            seen.add(record["RecordId"])
            yield record
        if not page:
            return


def _write_records(records: Iterable[dict[str, Any]], nothing: str, *, as_json: bool) -> list[str]:
    """Write records, and give their receipt handles."""
    receipts: list[str] = []
    rows: list[tuple[object, ...]] = []
    for record in records:
        receipts.append(record["ReceiptHandle"])
        data = base64.b64decode(record["Data"])
        if draws(as_json):
            rows.append(
                (
                    record.get("PartitionKey", ""),
                    data.decode(errors="replace")[:SHOWN_CHARACTERS],
                    record["ReceiveCount"],
                    local_time(record["ApproximateArrivalTimestamp"]),
                    record["ReceiptHandle"],
                )
            )
        else:
            sys.stdout.write(json_line(_with_text(with_iso_times(record), data)))
            sys.stdout.flush()
    if rows:
        draw_table(["Key", "Data", "Receives", "Arrived", "Receipt"], rows)
    elif not receipts and draws(as_json):
        click.echo(nothing)
    return receipts


def _settle(
    connection: ServerConnection, operation: str, arn: str, receipts: Iterable[str]
) -> list[dict[str, Any]]:
    """The result of each entry. Raises `ClientFailure` when the queue did not take one."""
    handles = list(receipts)
    results: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for start in range(0, len(handles), ENTRIES_MAX):
        entries = [{"ReceiptHandle": handle} for handle in handles[start : start + ENTRIES_MAX]]
        answer = connection.call_retrying(operation, QueueARN=arn, Entries=entries)
        results += answer["Successful"]
        refused += answer["Failed"]
    if refused:
        reason = f"{refused[0]['ErrorCode']}: {refused[0].get('ErrorMessage', '')}"
        raise ClientFailure(printable(f"{len(refused)} of {len(handles)} were refused: {reason}"))
    return results


def _tell_settled(settled: list[dict[str, Any]], verb: str, *, as_json: bool) -> None:
    if draws(as_json):
        click.echo(f"{len(settled)} {verb}.")
    else:
        sys.stdout.writelines(map(json_line, settled))


def _with_text(record: dict[str, Any], data: bytes) -> dict[str, Any]:
    """A record with its data as text, where it is text."""
    rest = {name: value for name, value in record.items() if name != "Data"}
    try:
        return rest | {"Data": data.decode()}
    except UnicodeDecodeError:
        return rest | {"DataBase64": record["Data"]}
