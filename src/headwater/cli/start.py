"""`headwater start`: run the server until it is told to stop.

The options are made from the table in `config`, which reads the variables as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from headwater.config import SETTINGS, Config, ConfigError, Setting

DEFAULTS = Config()


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for setting in reversed(SETTINGS):
        command = _option(setting)(command)
    return command


def _option(setting: Setting) -> Callable[[Callable[..., None]], Callable[..., None]]:
    if setting.is_switch:
        return click.option(
            setting.option, setting.field, flag_value="yes", default=None, help=_help(setting)
        )
    return click.option(
        setting.option,
        setting.field,
        metavar=setting.kind,
        multiple=setting.repeats,
        help=_help(setting),
    )


def _help(setting: Setting) -> str:
    default = getattr(DEFAULTS, setting.field)
    notes = [f"default: {', '.join(map(str, default)) if setting.repeats else default}"] if default else []
    notes += ["may repeat"] if setting.repeats else []
    return f"{setting.help}  [{'; '.join([*notes, setting.variable])}]"


@click.command(short_help="Start the server.")
@_options
def start(**options: str | tuple[str, ...] | None) -> None:
    """Start the server; stop it with Ctrl-C or SIGTERM.

    Without --data-dir everything is gone when it stops. Each option can also be given
    as the environment variable shown with it; lists are separated by commas there.
    """
    try:
        config = Config.from_environment(options=options)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    from headwater.app.run import run  # noqa: PLC0415 - `--help` and wrong options need no server

    sys.exit(run(config))
