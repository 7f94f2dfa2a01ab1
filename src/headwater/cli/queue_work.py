"""`headwater queue work`: a command that is run for each record of a queue.

The record's data is the command's standard input, the rest is in its environment. Exit
code 0 acknowledges the record; any other gives it back, to be handed out again later.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import click

from headwater import config
from headwater.cli.attachments import queue_arn
from headwater.cli.connection import ClientFailure, ServerConnection, with_connection
from headwater.cli.table import printable

if TYPE_CHECKING:
    from headwater.client import QueueRecord


@click.command(context_settings={"ignore_unknown_options": True}, short_help="Run a command for each record.")
@click.argument("name", metavar="QUEUE|STREAM")
@click.argument("command", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="The number of commands that run at the same time.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="End after N records.")
@click.option("--dead-letters", is_flag=True, help="Of the queue's dead letters.")
@click.option(
    "--visibility-timeout",
    type=click.IntRange(1, 43_200),
    metavar="SECONDS",
    help="The time until a record of a worker that died is handed out again. Default: the queue's own.",
)
@click.option(
    "--retry-after",
    type=click.IntRange(0, 43_200),
    default=1,
    show_default=True,
    metavar="SECONDS",
    help="The delay before a record whose command failed is handed out again; it doubles each time.",
)
@with_connection
def work(
    connection: ServerConnection,
    *,
    name: str,
    command: tuple[str, ...],
    concurrency: int,
    limit: int | None,
    dead_letters: bool,
    visibility_timeout: int | None,
    retry_after: int,
) -> None:
    """Run COMMAND for each record of QUEUE, or of the one queue of STREAM, until Ctrl-C.

    The record's data is on standard input. QUEUE_RECORD_ID, QUEUE_PARTITION_KEY, QUEUE_RECEIVE_COUNT
    and QUEUE_ARRIVAL_TIMESTAMP (seconds since the Unix epoch) are in the environment. Exit code 0
    acknowledges the record; any other gives it back. Needs the extra headwater[client].
    """
    try:
        from headwater.client import QueueConsumer  # noqa: PLC0415 - an extra, and slow to import
        from headwater.client.calls.errors import ClientError  # noqa: PLC0415
    except ImportError as error:
        raise ClientFailure(f"{error}; install it with: pip install 'headwater[client]'") from None
    arn, environment = queue_arn(connection, name), connection.environment
    connection.close()
    source: Literal["records", "dead_letters"] = "dead_letters" if dead_letters else "records"
    consumer = QueueConsumer(
        arn,
        source=source,
        concurrency=concurrency,
        prefetch=0,
        visibility_timeout_s=visibility_timeout,
        retry_first_s=retry_after,
        retry_longest_s=max(300, retry_after),
        endpoint_url=environment.endpoint_url,
        region_name=environment.region,
    )
    try:
        consumer.run(_handler(command, _Left(limit), consumer.stop))
    except ClientError as error:
        raise ClientFailure(printable(str(error))) from None


def _handler(
    command: tuple[str, ...], left: _Left, stop: Callable[[], None]
) -> Callable[[QueueRecord], None]:
    """What runs the command for a record; `stop` ends the consumer behind the last one."""

    def handle(record: QueueRecord) -> None:
        if not left.take():
            record.give_back()
            return
        try:
            _run(command, record)
        finally:
            if left.is_spent:
                stop()

    return handle


class CommandFailed(Exception):
    """The command of a record did not end with 0."""


class _Left:
    """The number of records that may still be begun."""

    def __init__(self, limit: int | None) -> None:
        self._count = limit
        self._lock = threading.Lock()

    @property
    def is_spent(self) -> bool:
        """Whether none may be begun any more."""
        return self._count == 0

    def take(self) -> bool:
        """Whether one more may be begun."""
        with self._lock:
            if self._count is None:
                return True
            if self._count == 0:
                return False
            self._count -= 1
            return True


def _run(command: tuple[str, ...], record: QueueRecord) -> None:
    """Run the command for a record. Raises `CommandFailed`."""
    said = {
        "QUEUE_RECORD_ID": record.record_id,
        "QUEUE_PARTITION_KEY": record.partition_key,
        "QUEUE_RECEIVE_COUNT": str(record.receive_count),
        "QUEUE_ARRIVAL_TIMESTAMP": str(record.approximate_arrival_timestamp),
    }
    try:
        ended = subprocess.run(  # noqa: S603 - the command that the user gave
            command, input=record.data, env={**config.environment(), **said}, check=False
        )
    except OSError as error:
        print(f"headwater: {command[0]}: {error.strerror}", file=sys.stderr)
        raise CommandFailed(str(error)) from None
    if ended.returncode:
        how = (
            f"exit code {ended.returncode}"
            if ended.returncode > 0
            else f"signal {signal.Signals(-ended.returncode).name}"
        )
        print(f"headwater: record {record.record_id}: {command[0]} ended with {how}", file=sys.stderr)
        raise CommandFailed(how)
