"""`headwater env`: the environment variables that point every AWS client at the local server.

Prints, and changes nothing: `eval "$(headwater env)"` sets them in the shell. The
credentials are always the dummies; a secret of the user's is never printed.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

import click

from headwater.cli.client_environment import (
    DUMMY_ACCESS_KEY_ID,
    DUMMY_SECRET_ACCESS_KEY,
    ClientEnvironment,
)
from headwater.cli.connection import ServerConnection, with_connection


def _sh(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}';"


def _powershell(name: str, value: str) -> str:
    quoted = value.replace("'", "''")
    return f"$env:{name} = '{quoted}'"


SHELLS: dict[str, Callable[[str, str], str]] = {"sh": _sh, "fish": _fish, "powershell": _powershell}
"""How each shell exports a variable. bash and zsh read what sh reads."""


@click.command(short_help="Print the exports that point AWS clients at the local server.")
@click.option(
    "--shell",
    type=click.Choice(list(SHELLS)),
    default="sh",
    show_default=True,
    help="Shell that reads the exports; sh is also for bash and zsh.",
)
@with_connection
def env(connection: ServerConnection, shell: str) -> None:
    """Print the exports that point AWS clients at the local server.

    \b
    sh, bash, zsh:  eval "$(headwater env)"
    fish:           headwater env --shell fish | source
    PowerShell:     headwater env --shell powershell | Out-String | Invoke-Expression
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with a backspace
    for name, value in exports(connection.environment).items():
        click.echo(SHELLS[shell](name, value))


def exports(environment: ClientEnvironment) -> dict[str, str]:
    """The variables that AWS clients read, by name."""
    return {
        "AWS_ENDPOINT_URL": environment.endpoint_url,
        "AWS_ENDPOINT_URL_KINESIS": environment.endpoint_url,
        "AWS_ACCESS_KEY_ID": DUMMY_ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": DUMMY_SECRET_ACCESS_KEY,
        "AWS_REGION": environment.region,
        "AWS_DEFAULT_REGION": environment.region,
    }
