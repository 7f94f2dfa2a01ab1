"""`headwater restore`: a data directory from what `headwater backup` has written."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from headwater.cli.connection import ClientFailure
from headwater.cli.table import printable


@click.command(short_help="Make a data directory from a backup.")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--data-dir",
    required=True,
    type=click.Path(path_type=Path),
    help="Data directory to make; it must be empty or missing.",
)
def restore(path: Path, data_dir: Path) -> None:
    """Make a data directory from FILE, and check it as `headwater check` does.

    The directory must be empty, or not be there. Nothing is made from a file that is damaged,
    cut short, or no backup. Functions whose code must be deployed anew are named.
    """
    from headwater.app import offline_data  # noqa: PLC0415 - `--help` needs no store

    try:
        with path.open("rb") as backup:
            found = offline_data.restore_data(backup, data_dir)
    except offline_data.StoreError as error:
        raise ClientFailure(f"{path}: {error}") from error
    except OSError as error:
        raise ClientFailure(f"{path} cannot be read: {error}") from error
    for fault in found:
        click.echo(printable(fault))
    if found:
        sys.exit(1)
    for missing in offline_data.functions_without_code(data_dir):
        click.echo(printable(missing))
    click.echo(f"{data_dir}: all is well")
