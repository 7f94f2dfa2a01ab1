"""`headwater start`: run the server until it is told to stop.

The options are made from the table in `config`, which reads the variables as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

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
@click.option("--detach", is_flag=True, help="Run in the background; `headwater status` and `stop` find it.")
def start(detach: bool, **options: str | tuple[str, ...] | None) -> None:
    """Start the server; stop it with Ctrl-C or SIGTERM.

    Without --data-dir everything is gone when it stops. Each option can also be given
    as the environment variable shown with it; lists are separated by commas there.
    """
    try:
        config = Config.from_environment(options=options)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    if detach:
        _detach(config, options)
        return
    from headwater.app.run import run  # noqa: PLC0415 - `--help` and wrong options need no server

    sys.exit(run(config))


def _detach(config: Config, options: Mapping[str, str | tuple[str, ...] | None]) -> None:
    """Start another process with the same options, and leave it when it is ready."""
    if sys.platform == "win32":
        raise click.UsageError("--detach needs a system with POSIX's processes")
    if config.pid_file is not None:
        raise click.UsageError("--detach has a --pid-file of its own")
    from headwater.cli.background.servers import StartFailed, start_server  # noqa: PLC0415 - few starts do this
    from headwater.cli.table import draws, json_line  # noqa: PLC0415 - as above

    try:
        started = start_server(_arguments(options), config.ports[0])
    except StartFailed as failed:
        click.echo(str(failed), err=True)
        sys.exit(1)
    if not draws(as_json=False):
        sys.stdout.write(json_line(started.shown()))
        return
    click.echo(f"Headwater is ready at {' and '.join(started.endpoints)}, in process {started.pid}")
    click.echo("  its log: " + str(started.log))
    click.echo(f"  headwater stop --port {started.port}")


def _arguments(options: Mapping[str, str | tuple[str, ...] | None]) -> list[str]:
    """The options again, as they were given."""
    arguments: list[str] = []
    for setting in SETTINGS:
        value = options.get(setting.field)
        if not value:
            continue
        if setting.is_switch:
            arguments.append(setting.option)
            continue
        for each in (value,) if isinstance(value, str) else value:
            arguments += [setting.option, each]
    return arguments
