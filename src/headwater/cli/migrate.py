"""`headwater migrate`: move all data from a data directory to a store on Apache Kafka, or back."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from headwater.cli.check import broker_options, configured, tell
from headwater.cli.connection import ClientFailure
from headwater.cli.table import printable

_URL = "kafka://"


@click.command(short_help="Move a data directory to Apache Kafka, or back.")
@click.option("--from", "source", metavar="DIR|URL", required=True, help="Directory or store to move from.")
@click.option(
    "--to",
    "target",
    metavar="DIR|URL",
    required=True,
    help="Directory or store to move to; it must be empty.",
)
@broker_options
def migrate(source: str, target: str, **of_brokers: str | None) -> None:
    """Move all data from a data directory to a store on Apache Kafka (kafka://host:port,…), or back.

    No server may be running on either. Sequence numbers, iterators, consumers, tags, policies,
    retention and encryption stay as they are; the source is left as it was. A move that was interrupted
    is run again. In its new place everything is checked, as `headwater check` does it.
    """
    if source.startswith(_URL) == target.startswith(_URL):
        raise click.UsageError(
            f"Give a data directory and a store ({_URL}…), one as --from, the other as --to."
        )
    from headwater.app import migration, offline_data  # noqa: PLC0415 - `--help` needs no store

    try:
        if target.startswith(_URL):
            config = configured({"store": target, **of_brokers})
            moved = asyncio.run(migration.move_to_shared(Path(source), config, tell))
            found = asyncio.run(offline_data.check_shared(config, tell))
            left = list[str]()
        else:
            config = configured({"store": source, **of_brokers})
            moved = asyncio.run(migration.move_from_shared(config, Path(target), tell))
            found = offline_data.check_stored(Path(target))
            left = offline_data.functions_without_code(Path(target))
    except offline_data.StoreError as error:
        raise ClientFailure(str(error)) from error
    for fault in (*found, *left):
        click.echo(printable(fault))
    if found:
        sys.exit(1)
    copied = moved.copied
    click.echo(
        f"{target}: {moved.streams:,} streams, {copied.logs:,} shards, {copied.records:,} records"
        f" ({copied.payload_bytes:,} bytes), {moved.keys:,} keys; all is well"
    )
