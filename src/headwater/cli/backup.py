"""`headwater backup`: everything that a server, or a data directory, holds, in one file.

The file appears under its name when it is whole, checked and on disk; until then it has
another one beside it. It is for its owner only, as a data directory is.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click

from headwater.cli.connection import ClientFailure, ServerConnection, with_connection

ROUTE = "/_headwater/backup"


@click.command(short_help="Copy all data into a file, while the server runs.")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Data directory to copy instead of asking a server; no server may have it open.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@with_connection
def backup(connection: ServerConnection, *, path: Path, data_dir: Path | None, force: bool) -> None:
    """Copy every stream, record and setting of all accounts into FILE.

    \b
    headwater backup monday.backup
    headwater restore monday.backup --data-dir ./restored

    The copy is of one moment; the server goes on meanwhile. A server that verifies signatures
    gives it to keys of its own account only.
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with a backspace
    from headwater.app import offline_data  # noqa: PLC0415 - `--help` needs no store

    if path.exists() and not force:
        raise ClientFailure(f"{path} is there already; --force replaces it")
    try:
        size = _write(
            path, connection.download(ROUTE) if data_dir is None else offline_data.copy_data(data_dir)
        )
    except offline_data.StoreError as error:
        raise ClientFailure(str(error)) from error
    except OSError as error:
        raise ClientFailure(f"{path} cannot be written: {error}") from error
    click.echo(f"{path}: {size} bytes")


def _write(path: Path, parts: Iterable[bytes]) -> int:
    """Write, check and name the file; returns its size."""
    from headwater.app import offline_data  # noqa: PLC0415

    with tempfile.NamedTemporaryFile(
        dir=path.absolute().parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            for part in parts:
                file.write(part)
            file.flush()
            file.seek(0)
            offline_data.require_whole_backup(file)
            os.fsync(file.fileno())
            size = file.tell()
            file.close()  # Windows gives no open file another name
            Path(file.name).replace(path)
        except BaseException:
            file.close()
            with contextlib.suppress(FileNotFoundError):
                Path(file.name).unlink()
            raise
    _sync_folder(path.absolute().parent)
    return size


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every system can; then the name is safe a little later
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
