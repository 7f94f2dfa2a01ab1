"""The files of `--init-dir`: what a server begins with, in the order of their names.

Rules:
- a JSON file with `Resources`, and every file of YAML, is a template of CloudFormation, whose stack has the
  file's name without its ending, and without digits and dashes at its beginning; other JSON is a document of
  streams and queues;
- all are read before the first is applied: what cannot be read ends the start with nothing done;
- what is there already stays: a folder may be applied to the same data any number of times.

Refuses to know how a stream or a stack is made.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from headwater.app.initial_streams import InitialStreamError

OPTION = "--init-dir"
TEMPLATE_ENDINGS = (".yaml", ".yml", ".template")
JSON_ENDING = ".json"
RESOURCES = "Resources"
STACK_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")


class InitError(InitialStreamError):
    """Something of the folder cannot be applied; the message is for the person who gave it."""

    def __init__(self, file_name: str, reason: str) -> None:
        super().__init__(f"{OPTION}: {file_name}: {reason}")


class InitFile(NamedTuple):
    """A file of the folder."""

    name: str
    document: dict[str, Any] | None
    """Streams and queues; `None` in a template."""
    stack_name: str
    """Of a template; empty for a document."""
    text: str


def read_folder(folder: Path) -> list[InitFile]:
    """The files, in the order in which they are applied. Raises `InitError`."""
    try:
        paths = sorted(path for path in folder.iterdir() if _is_read(path))
    except OSError as error:
        raise InitError(str(folder), error.strerror or str(error)) from error
    files = [_read(path) for path in paths]
    named: dict[str, str] = {}
    for file in files:
        if file.stack_name and (other := named.setdefault(file.stack_name, file.name)) != file.name:
            raise InitError(file.name, f"its stack is called {file.stack_name}, as that of {other}")
    return files


def _is_read(path: Path) -> bool:
    return not path.name.startswith(".") and path.suffix in (JSON_ENDING, *TEMPLATE_ENDINGS)


def _read(path: Path) -> InitFile:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InitError(path.name, str(error)) from error
    if path.suffix != JSON_ENDING:
        return InitFile(path.name, None, _stack_name(path), text)
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InitError(path.name, f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InitError(path.name, "it is not a JSON object")
    if RESOURCES in document:
        return InitFile(path.name, None, _stack_name(path), text)
    return InitFile(path.name, document, "", text)


def _stack_name(path: Path) -> str:
    name = re.sub(r"^[-_.0-9]+", "", path.stem)
    if STACK_NAME.fullmatch(name) is None:
        raise InitError(path.name, f"{name!r} is no name of a stack: letters, digits and dashes only")
    return name
