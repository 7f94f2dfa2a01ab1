"""`headwater tls`: the certificate authority that `headwater start --tls` makes for itself."""

from __future__ import annotations

import click

from headwater.config import Config, ConfigError


@click.group(short_help="Show the certificate authority that clients must trust.")
def tls() -> None:
    """Show the certificate authority that `headwater start --tls` makes for itself."""


@tls.command(short_help="Print the path of the authority's certificate.")
@click.option(
    "--data-dir", metavar="DIR", help="Data directory of the server, if it has one.  [HEADWATER_DATA_DIR]"
)
@click.option("--pem", is_flag=True, help="Print the certificate in PEM instead of its path.")
def ca(data_dir: str | None, pem: bool) -> None:
    """Print the path of the certificate that clients must trust, made now if there is none.

    \b
    export AWS_CA_BUNDLE="$(headwater tls ca)"
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with a backspace
    from headwater.app.tls import TlsError, ensure_ca  # noqa: PLC0415 - `--help` needs no server

    try:
        path = ensure_ca(Config.from_environment(options={"data_dir": data_dir}))
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    except TlsError as error:
        raise click.ClickException(str(error)) from error
    click.echo(path.read_text("ascii") if pem else path, nl=not pem)
