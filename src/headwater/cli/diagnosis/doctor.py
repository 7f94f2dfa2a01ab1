"""`headwater doctor`: what keeps a program from reaching the server, and what to do about it."""

from __future__ import annotations

import sys

import click

from headwater import config
from headwater.cli.connection import ServerConnection, with_connection
from headwater.cli.diagnosis.findings import ClientContext, diagnose
from headwater.cli.table import draws, json_line, json_option, printable

MARKS = {"ok": ("ok     ", "green"), "warning": ("warning", "yellow"), "wrong": ("wrong  ", "red")}


@click.command(short_help="Find what keeps a program from reaching the server.")
@json_option
@with_connection
def doctor(connection: ServerConnection, as_json: bool) -> None:
    """Look at the endpoint, region, credentials, proxy, port, TLS, clock and server, as an AWS client would.

    The exit code is 1 when something is wrong, and 0 when not; warnings are for some clients only.
    """
    context = ClientContext(config.environment(), connection.environment, connection)
    is_wrong = False
    for finding in diagnose(context):
        is_wrong = is_wrong or finding.state == "wrong"
        if as_json or not draws(as_json):
            sys.stdout.write(json_line(finding._asdict()))
            continue
        mark, colour = MARKS[finding.state]
        click.echo(f"{click.style(mark, fg=colour)}  {finding.check}: {printable(finding.text)}")
        if finding.hint:
            click.echo(f"         {printable(finding.hint)}")
    if is_wrong:
        sys.exit(1)
