"""`headwater lambda`: functions, and streams that invoke them."""

from __future__ import annotations

import click

from headwater.cli.lambda_mappings import map_stream, mappings, unmap


@click.group("lambda", short_help="Map streams to Lambda functions.")
def lambda_() -> None:
    """Map streams to Lambda functions."""


for command in (map_stream, mappings, unmap):
    lambda_.add_command(command)
