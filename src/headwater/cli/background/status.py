"""`headwater status`: the servers that run in the background."""

from __future__ import annotations

import sys

import click

from headwater.cli.background.servers import health_of, servers
from headwater.cli.table import draws, json_line, json_option, printable

NONE_RUNS = 3
"""The exit code that init scripts have for a service that does not run."""


@click.command(short_help="Show the servers that run in the background.")
@click.option("--port", type=int, help="Only the server whose first port this is.")
@json_option
def status(port: int | None, as_json: bool) -> None:
    """Show the servers that `headwater start --detach` has started.

    The exit code is 0 when all of them are running, 1 when one is not healthy, and 3 when there is none.
    """
    found = [server for server in servers() if port in (None, server.port)]
    is_ill = False
    for server in found:
        health = health_of(server)
        is_ill = is_ill or health != "running"
        if not draws(as_json):
            sys.stdout.write(json_line({**server.shown(), "status": health}))
            continue
        click.echo(f"{' and '.join(server.endpoints)}  {printable(health)}")
        click.echo(
            f"  process {server.pid}, data in {server.data or 'a temporary folder'}, log in {server.log}"
        )
    if not found:
        click.echo("No server runs in the background.", err=True)
        sys.exit(NONE_RUNS)
    if is_ill:
        sys.exit(1)
