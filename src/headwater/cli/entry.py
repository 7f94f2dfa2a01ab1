"""Where the `headwater` command begins: the usual start of a server by a short way, everything else by click.

Rules:
- the short way takes only what click would take to the same settings; what it does not take
  whole (help, a wrong option or value, completion, other commands) is click's, texts included;
- a server that is started by it imports neither click nor what its settings leave unused;
- the first process of a container looks after the server that it starts.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headwater.config import Config, Setting

COMPLETION = "_HEADWATER_COMPLETE"
"""With this variable a shell asks click what could be typed."""
INTERRUPTED = 130


def main() -> None:
    """Start the command that was named."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["start"]:
        if os.getpid() == 1:
            from headwater.cli.first_process import look_after_server  # noqa: PLC0415 - in containers only

            look_after_server()
        try:
            code = _start(arguments[1:])
        except KeyboardInterrupt:
            code = INTERRUPTED
        if code is not None:
            sys.exit(code)
    from headwater.cli.main import main as by_click  # noqa: PLC0415 - the usual start does without

    by_click()


def _start(arguments: Sequence[str]) -> int | None:
    """Run a server until it is told to stop; `None`: the start is not a plain one, and nothing was done."""
    gc.disable()  # what is imported stays; `run` lets it work again
    from headwater.app import stand_ins  # noqa: PLC0415 - for servers only
    from headwater.app.code_cache import CodeCache  # noqa: PLC0415 - as above

    cache = CodeCache()
    with stand_ins.standing_in():
        from headwater.config import environment  # noqa: PLC0415 - with stand-ins, as all of it

        config = plain_start(arguments, environment())
        if config is None:
            cache.close()
            gc.enable()
            return None
        stand_ins.import_event_loop(with_tls=config.uses_tls)
        from headwater.app.run import run  # noqa: PLC0415 - as above
    return run(config, cache.keep)


def plain_start(arguments: Sequence[str], variables: Mapping[str, str]) -> Config | None:
    """The settings of a `start` with these options; `None` where click has something to say."""
    from headwater.config import Config, ConfigError  # noqa: PLC0415 - as above

    options = None if COMPLETION in variables else plain_options(arguments)
    if options is None:
        return None
    try:
        return Config.from_environment(variables, options)
    except ConfigError:
        return None


def plain_options(arguments: Sequence[str]) -> dict[str, str | tuple[str, ...] | None] | None:
    """The options of `start` by their fields, as click gives them; `None`: click has to look at them."""
    from headwater.config import SETTINGS  # noqa: PLC0415 - as above

    settings = {setting.option: setting for setting in SETTINGS}
    given: dict[str, list[str]] = {setting.field: [] for setting in SETTINGS}
    words = iter(arguments)
    for word in words:
        name, has_value, value = word.partition("=")
        setting = settings.get(name)
        if setting is None or (setting.is_switch and has_value):
            return None
        if setting.is_switch:
            value = "yes"
        elif not has_value:
            value = next(words, "-")
        if value.startswith("-"):
            return None  # a value is missing, or looks as if it were
        given[setting.field].append(value)
    return {setting.field: _value(setting, given[setting.field]) for setting in SETTINGS}


def _value(setting: Setting, values: list[str]) -> str | tuple[str, ...] | None:
    if setting.repeats:
        return tuple(values)
    return values[-1] if values else None
