"""`headwater check`: tell whether everything in a data directory, or in a shared store, is whole."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from headwater.cli.connection import ClientFailure
from headwater.cli.table import printable
from headwater.config import Config, ConfigError, environment

F = TypeVar("F", bound=Callable[..., Any])

_OF_BROKERS = "HEADWATER_KAFKA_"
"""The beginning of the variables with the settings of brokers."""


def broker_options(command: F) -> F:
    """Give a command the options of `start` for brokers."""
    for name, metavar in (
        ("ca", "FILE"),
        ("username", "NAME"),
        ("mechanism", "NAME"),
        ("security", "PROTOCOL"),
    ):
        text = f"As for start. [HEADWATER_KAFKA_{name.upper()}]"
        command = click.option(f"--kafka-{name}", metavar=metavar, help=text)(command)
    return command


def configured(options: dict[str, str | None]) -> Config:
    """The settings of a store and its brokers; those of a server's are no matter here.

    Raises `UsageError`.
    """
    variables = {name: text for name, text in environment().items() if name.startswith(_OF_BROKERS)}
    try:
        return Config.from_environment(variables, options)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error


def tell(text: str) -> None:
    """Say what is waited for."""
    click.echo(printable(text), err=True)


@click.command(short_help="Verify a data directory, or a shared store.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Data directory to verify; no server may have it open.",
)
@click.option("--store", metavar="URL", help="Store on Apache Kafka to verify; servers may go on using it.")
@broker_options
def check(data_dir: Path | None, store: str | None, **of_brokers: str | None) -> None:
    """Read every record, checksum, shard and stream, and report what is wrong.

    Of a data directory, or of a store on Apache Kafka that several servers share: give one of
    --data-dir and --store. Nothing is changed, but data of an older version in a directory is
    rewritten first. The exit code is 0 when all is well, 1 when not.
    """
    if (data_dir is None) == (store is None):
        raise click.UsageError("Give one of --data-dir and --store.")
    from headwater.app import offline_data  # noqa: PLC0415 - `--help` needs no store

    try:
        if data_dir is not None:
            found = offline_data.check_data(data_dir)
        else:
            found = asyncio.run(offline_data.check_shared(configured({"store": store, **of_brokers}), tell))
    except offline_data.StoreError as error:
        raise ClientFailure(str(error)) from error
    for fault in found:
        click.echo(printable(fault))
    if found:
        sys.exit(1)
    click.echo(f"{data_dir or store}: all is well")
