"""`headwater check`: tell whether everything in a data directory is whole."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from headwater.cli.connection import ClientFailure
from headwater.cli.table import printable


@click.command(short_help="Verify a data directory that no server has open.")
@click.option(
    "--data-dir",
    required=True,
    type=click.Path(path_type=Path),
    help="Data directory to verify; no server may have it open.",
)
def check(data_dir: Path) -> None:
    """Read every record, checksum, shard and stream in a data directory, and report what is wrong.

    Nothing is changed, but data of an older version is rewritten first. The exit code is 0 when
    all is well, 1 when not.
    """
    from headwater.app import offline_data  # noqa: PLC0415 - `--help` needs no store

    try:
        found = offline_data.check_data(data_dir)
    except offline_data.StoreError as error:
        raise ClientFailure(str(error)) from error
    for fault in found:
        click.echo(printable(fault))
    if found:
        sys.exit(1)
    click.echo(f"{data_dir}: all is well")
