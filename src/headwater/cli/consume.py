"""`headwater consume`: read a stream as an application does, sharing it with other workers.

In a pipe, or with --json, records are written as JSON lines; a record is done when the
next one is written. On a terminal a live table shows who reads which shard, how fast
and how far behind; records are counted, not shown.
"""

from __future__ import annotations

import base64
import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.connection import ClientFailure, client_environment
from headwater.cli.table import draws, iso_time, json_line, json_option, printable
from headwater.cli.tail import start_of

if TYPE_CHECKING:
    from rich.table import Table

    from headwater.client import KinesisConsumer, Record
    from headwater.client.leases.store import LeaseStore

REFRESHES_PER_S = 2
COLUMNS = ("Shard", "Worker", "Records", "KiB/s", "Lag ms", "Checkpoint", "Throttled")


@click.command(short_help="Read a stream together with other workers.")
@click.argument("stream")
@click.option(
    "--group",
    default="headwater-consume",
    show_default=True,
    metavar="NAME",
    help="Name of the workers that share shards and checkpoints; with dynamodb, also of the table.",
)
@click.option(
    "--state",
    default="memory",
    show_default=True,
    metavar="memory|sqlite:PATH|dynamodb",
    help="Lease store, with the checkpoints. memory: this run; sqlite: this machine; dynamodb: any machines.",
)
@click.option(
    "--from",
    "start",
    default="latest",
    show_default=True,
    metavar="trim-horizon|latest|TIMESTAMP",
    help="Starting position of a shard without a checkpoint. TIMESTAMP is as for `headwater tail`.",
)
@click.option(
    "--fan-out",
    metavar="NAME",
    help="Read by enhanced fan-out, as this registered consumer; it is registered if missing.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="End after N records.")
@click.option(
    "--worker-id",
    default="",
    metavar="NAME",
    help="Name of this worker, unique in the group. Default: host, process and random digits.",
)
@click.option(
    "--lease-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="Time without a renewal after which a worker loses its shards.",
)
@json_option
@click.option("--endpoint-url", metavar="URL", help="Endpoint of Kinesis. Default: as for `headwater tail`.")
@click.option(
    "--region", help="AWS region of the call. Default: AWS_REGION, AWS_DEFAULT_REGION, or us-east-1."
)
def consume(
    *,
    stream: str,
    group: str,
    state: str,
    start: str,
    fan_out: str | None,
    limit: int | None,
    worker_id: str,
    lease_seconds: float,
    as_json: bool,
    endpoint_url: str | None,
    region: str | None,
) -> None:
    """Read STREAM together with every other worker of the same group, and keep checkpoints.

    Each shard is read by one worker at a time; workers that come and go share them evenly.
    Needs the extra headwater[client]. DynamoDB is found as the AWS SDKs find it, for example by
    AWS_ENDPOINT_URL_DYNAMODB. Ctrl-C ends.
    """
    environment = client_environment(endpoint_url, region)
    try:
        from headwater.client import KinesisConsumer  # noqa: PLC0415 - an extra, and slow to import
        from headwater.client.calls.errors import ClientError  # noqa: PLC0415
    except ImportError as error:
        raise ClientFailure(f"{error}; install it with: pip install 'headwater[client]'") from None
    try:
        consumer = KinesisConsumer(
            stream,
            state=_state(state, group, environment.region),
            start=_start(start),
            fan_out=fan_out,
            worker_id=worker_id,
            lease_duration_s=lease_seconds,
            endpoint_url=environment.endpoint_url,
            region_name=environment.region,
        )
        signal.signal(signal.SIGTERM, lambda *_: consumer.stop())
        with contextlib.suppress(KeyboardInterrupt), consumer:
            if draws(as_json):
                _draw(consumer, limit)
            else:
                _write(consumer, limit)
    except ClientError as error:
        raise ClientFailure(printable(str(error))) from None


def _state(named: str, group: str, region: str) -> LeaseStore:
    from headwater.client import DynamoDBState, MemoryState, SQLiteState  # noqa: PLC0415

    kind, _, path = named.partition(":")
    if kind == "memory" and not path:
        return MemoryState()
    if kind == "sqlite" and path:
        return SQLiteState(path, group=group)
    if kind == "dynamodb" and not path:
        return DynamoDBState(group, region_name=region)
    raise _refused("--state", f"{named!r} is none of memory, sqlite:PATH and dynamodb")


def _start(text: str) -> str | float:
    try:
        start = start_of(text)
    except (ValueError, OverflowError, OSError):
        reason = f"{text!r} is none of trim-horizon, latest, and a time or age as of `headwater tail`"
        raise _refused("--from", reason) from None
    return start.iterator_type if start.timestamp_s is None else start.timestamp_s


def _refused(option: str, reason: str) -> click.BadParameter:
    return click.BadParameter(reason, param_hint=option)


def _write(consumer: KinesisConsumer, limit: int | None) -> None:
    """Write the records as lines, each batch at once."""
    for number, record in enumerate(consumer, start=1):
        sys.stdout.write(json_line(_shown(record)))
        sys.stdout.flush()
        if number == limit:
            record.checkpoint()
            return


def _shown(record: Record) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ShardId": record.shard_id,
        "SequenceNumber": record.sequence_number,
        "ApproximateArrivalTimestamp": iso_time(record.approximate_arrival_timestamp),
        "PartitionKey": record.partition_key,
    }
    if record.is_aggregated:
        shown["SubSequenceNumber"] = record.sub_sequence_number
    try:
        return shown | {"Data": record.data.decode()}
    except UnicodeDecodeError:
        return shown | {"DataBase64": base64.b64encode(record.data).decode()}


def _draw(consumer: KinesisConsumer, limit: int | None) -> None:
    """Count the records under a table that moves."""
    from rich.live import Live  # noqa: PLC0415 - only commands that draw pay for rich

    def table() -> Table:
        return lease_table(consumer)

    with Live(get_renderable=table, refresh_per_second=REFRESHES_PER_S):
        for number, record in enumerate(consumer, start=1):
            if number == limit:
                record.checkpoint()
                return


def lease_table(consumer: KinesisConsumer) -> Table:
    """Every shard that is not done: who reads it, and how that goes when it is this worker."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    stats = consumer.stats()
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title=Text(printable(f"{consumer.stream}: {stats.records:,} records, {time.strftime('%H:%M:%S')}")),
        title_justify="left",
    )
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in {"Shard", "Worker", "Checkpoint"} else "right")
    for lease in sorted(consumer.leases(), key=lambda lease: lease.key):
        if lease.is_complete:
            continue
        shard = stats.shards.get(lease.key)
        if shard is None:
            cells = [lease.key, lease.holder or "-", "", "", "", _short(lease.checkpoint.sequence_number), ""]
        else:
            kbps = f"{shard.throughput_kbps:,.1f}"
            counts = [f"{shard.records:,}", kbps, f"{shard.lag_ms:,}"]
            cells = [lease.key, "this one", *counts, _short(shard.checkpoint), str(shard.throttled)]
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _short(checkpoint: str) -> str:
    """The end of a sequence number, where it grows; a word whole."""
    return checkpoint if len(checkpoint) < 20 else f"…{checkpoint[-16:]}"
