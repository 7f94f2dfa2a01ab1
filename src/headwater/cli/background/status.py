"""`headwater status`: the servers that run in the background, or the one at an endpoint."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from headwater.cli.background.servers import absence, health_at, server_of, servers
from headwater.cli.table import draws, json_line, json_option, printable

NONE_RUNS = 3
"""The exit code that init scripts have for a service that does not run."""


@click.command(short_help="Show servers in the background.")
@click.option("--port", type=int, help="Only the server whose first port this is.")
@click.option("--endpoint-url", metavar="URL", help="The server at this endpoint, however it was started.")
@click.option(
    "--pid-file", type=click.Path(path_type=Path), help="The server that was started with this --pid-file."
)
@json_option
def status(port: int | None, endpoint_url: str | None, pid_file: Path | None, as_json: bool) -> None:
    """Show the servers that `headwater start --detach` has started.

    The exit code is 0 when all of them are running, 1 when one is not healthy, and 3 when there is none. With
    --endpoint-url it is 0 or 1.
    """
    if pid_file is not None:
        endpoint_url = _endpoint_of(pid_file)
    if endpoint_url is not None:
        _show_one(endpoint_url, as_json=as_json)
        return
    found = [server for server in servers() if port in (None, server.port)]
    is_ill = False
    for server in found:
        health = health_at(server.endpoints[0])
        is_ill = is_ill or health != "running"
        if not draws(as_json):
            sys.stdout.write(json_line({**server.shown(), "status": health}))
            continue
        click.echo(f"{' and '.join(server.endpoints)}  {printable(health)}")
        click.echo(
            f"  process {server.pid}, data in {server.data or 'a temporary folder'}, log in {server.log}"
        )
    if not found:
        click.echo(absence(port), err=True)
        sys.exit(NONE_RUNS)
    if is_ill:
        sys.exit(1)


def _endpoint_of(pid_file: Path) -> str:
    """Where the server is that holds a file."""
    server = server_of(pid_file)
    if server is None:
        click.echo(f"No server holds {pid_file}.", err=True)
        sys.exit(NONE_RUNS)
    return server.endpoints[0]


def _show_one(endpoint_url: str, *, as_json: bool) -> None:
    if not endpoint_url.startswith(("http://", "https://")):
        raise click.UsageError(f"{endpoint_url!r} is not an endpoint; one looks like http://127.0.0.1:4566")
    health = health_at(endpoint_url)
    if draws(as_json):
        click.echo(f"{endpoint_url}  {printable(health)}")
    else:
        sys.stdout.write(json_line({"endpoints": [endpoint_url], "status": health}))
    if health != "running":
        sys.exit(1)
