"""What a target of a rule gets of an event: all of it, a part, a constant, or a text made from parts.

Rules, from EventBridge's user guide:
- `Input` is a constant, `InputPath` takes a part, `InputTransformer` fills a template;
- a variable in a template is JSON where it stands alone, and text within quotes;
- a variable whose path finds nothing is null, and nothing within quotes.

Refuses to know where an input goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from headwater.neighbours.delivery.json_path import MISSING, steps_of, value_at

VARIABLE = re.compile(r"<(\$[^<>]+|[A-Za-z0-9_.-]+)>")
"""In a template; the path itself where pipes have no names for paths."""

Document = Mapping[str, Any]


def input_of(target: Document, event: Document, built_in: Document) -> str:
    """The text that a target gets. `built_in` has the variables that no path fills. Raises `PathInvalid`."""
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        part = value_at(event, steps_of(target["InputPath"]))
        return _json(None if part is MISSING else part)
    transformer = target.get("InputTransformer")
    if not transformer:
        return _json(event)
    paths = transformer.get("InputPathsMap") or {}
    found = {name: value_at(event, steps_of(path)) for name, path in paths.items()}
    return filled(transformer["InputTemplate"], {**built_in, **found})


def filled(template: str, variables: Document) -> str:
    """A template with values for its variables; what is no variable stays."""
    parts: list[str] = []
    at, is_quoted = 0, False
    for variable in VARIABLE.finditer(template):
        between = template[at : variable.start()]
        is_quoted ^= _quotes(between) % 2 == 1
        parts.append(between)
        name = variable[1]
        parts.append(_shown(variables[name], is_quoted=is_quoted) if name in variables else variable[0])
        at = variable.end()
    return "".join([*parts, template[at:]])


def _quotes(text: str) -> int:
    return len(re.sub(r"\\.", "", text).split('"')) - 1


def _shown(value: Any, *, is_quoted: bool) -> str:
    if value is MISSING:
        return "" if is_quoted else "null"
    if not is_quoted:
        return _json(value)
    text = value if isinstance(value, str) else _json(value)
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
