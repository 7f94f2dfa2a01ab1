"""The key template of a channel: how the keys of delivered objects are made.

    kinesis-channel/!{channel-name}/!{yyyy}/!{MM}/!{dd}/!{HH}/!{channel-id}!{extension}

Rules, from the developer guide:
- a variable is `!{name}`; times are UTC, of the moment at which the object's batch was made;
- `!{extension}` is that of the compression, `!{extension:.txt}` is what it says;
- a unique suffix is added to every key. It stands before an extension that ends the template, so that
  readers still know the object by it.

Refuses to know what is in an object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

DEFAULT_KEY_TEMPLATE = (
    "kinesis-channel/!{channel-name}/!{channel-id}/!{yyyy}/!{MM}/!{dd}/!{HH}/"
    "!{channel-name}-!{channel-id}-!{yyyy}-!{MM}-!{dd}-!{HH}-!{mm}!{extension}"
)
DEFAULT_ERROR_PREFIX = "kinesis-channel/errors/{name}/{channel_id}/"
EXTENSION = "extension"

_VARIABLE = re.compile(r"!\{([^{}]*)\}")
_EXTENSION_AT_END = re.compile(r"!\{extension(?::[^{}]*)?\}\Z")


class KeyContext(NamedTuple):
    """What the variables of one key stand for."""

    channel_name: str
    channel_id: str
    stream_name: str
    made_ms: int
    extension: str


_VARIABLES: Mapping[str, Callable[[KeyContext, datetime], str]] = {
    "channel-name": lambda context, _: context.channel_name,
    "channel-id": lambda context, _: context.channel_id,
    "stream-name": lambda context, _: context.stream_name,
    "yyyy": lambda _, moment: f"{moment:%Y}",
    "yy": lambda _, moment: f"{moment:%y}",
    "MM": lambda _, moment: f"{moment:%m}",
    "dd": lambda _, moment: f"{moment:%d}",
    "HH": lambda _, moment: f"{moment:%H}",
    "mm": lambda _, moment: f"{moment:%M}",
    EXTENSION: lambda context, _: context.extension,
}


def fault_of_template(template: str) -> str | None:
    """What is wrong with a template, in plain words; `None` for nothing."""
    for name in _VARIABLE.findall(template):
        if name not in _VARIABLES and not name.startswith(f"{EXTENSION}:"):
            return (
                f"!{{{name}}} is not a variable: they are {', '.join(f'!{{{each}}}' for each in _VARIABLES)}"
            )
    literal = _VARIABLE.sub("x", template)
    if "{" in literal or "}" in literal:
        return "a brace belongs to no variable of the form !{name}"
    if template.startswith("/") or template.endswith("/") or ".." in literal or "./" in literal:
        return "it must not start or end with a slash, nor contain .. or ./"
    return None


def key_of(template: str | None, context: KeyContext, suffix: str) -> str:
    """The key of an object; `suffix` tells it from all others. Without a template, the default one."""
    text = DEFAULT_KEY_TEMPLATE if template is None else template
    moment = datetime.fromtimestamp(context.made_ms / 1000, UTC)

    def value(found: re.Match[str]) -> str:
        name, _, literal = found[1].partition(":")
        return literal or _VARIABLES[name](context, moment)

    end = _EXTENSION_AT_END.search(text)
    at = len(text) if end is None else end.start()
    return f"{_VARIABLE.sub(value, text[:at])}-{suffix}{_VARIABLE.sub(value, text[at:])}"
