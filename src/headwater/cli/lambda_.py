"""`headwater lambda`: functions, and streams that invoke them."""

from __future__ import annotations

import click

from headwater.cli.lambda_functions import delete, deploy, functions, invoke, logs
from headwater.cli.lambda_mappings import map_stream, mappings, unmap


@click.group("lambda", short_help="Run Lambda functions, and map streams to them.")
def lambda_() -> None:
    """Run Lambda functions, and map streams to them."""


for command in (deploy, invoke, functions, logs, delete, map_stream, mappings, unmap):
    lambda_.add_command(command)
