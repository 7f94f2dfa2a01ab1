"""`headwater stop`: stop a server that runs in the background, as SIGTERM does."""

from __future__ import annotations

import sys

import click

from headwater.cli.background.servers import absence, servers, stop_server
from headwater.cli.table import draws, json_line, json_option

TIMEOUT_S = 60.0


@click.command(short_help="Stop a server that runs in the background.")
@click.option("--port", type=int, help="The server whose first port this is.")
@click.option("--all", "all_of_them", is_flag=True, help="Every server that runs in the background.")
@click.option(
    "--timeout-s", type=float, default=TIMEOUT_S, show_default=True, help="Seconds that the end may take."
)
@json_option
def stop(port: int | None, all_of_them: bool, timeout_s: float, as_json: bool) -> None:
    """Stop a server that `headwater start --detach` has started, and wait for its end.

    Requests in flight finish first. The exit code is 0 when it has ended, also when none was running, and 1
    when it takes too long.
    """
    found = [server for server in servers() if port in (None, server.port)]
    if len(found) > 1 and not all_of_them:
        ports = ", ".join(str(server.port) for server in found)
        raise click.UsageError(f"several servers run, at the ports {ports}: choose by --port, or --all")
    if not found:
        click.echo(absence(port), err=True)
    is_late = False
    for server in found:
        has_ended = stop_server(server, timeout_s)
        is_late = is_late or not has_ended
        if not draws(as_json):
            sys.stdout.write(json_line({**server.shown(), "stopped": has_ended}))
        else:
            outcome = "has stopped" if has_ended else f"still runs, as process {server.pid}"
            click.echo(f"{server.endpoints[0]} {outcome}")
    if is_late:
        sys.exit(1)
