"""`headwater console`: open the server's console in a browser."""

from __future__ import annotations

import webbrowser

import click

from headwater.cli.connection import ClientFailure, ServerConnection, with_connection

PAGE = "/_headwater/console/"


@click.command(short_help="Open the console in a browser.")
@click.option("--print", "only_prints", is_flag=True, help="Print its address, and open nothing.")
@with_connection
def console(connection: ServerConnection, *, only_prints: bool) -> None:
    """Open the console of the server in a browser, and print its address."""
    connection.ask_route("GET", "about")
    address = connection.environment.endpoint_url.rstrip("/") + PAGE
    click.echo(address)
    if not only_prints and not webbrowser.open(address):
        raise ClientFailure("there is no browser here that could open it")
