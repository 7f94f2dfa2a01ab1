"""Generates man/headwater.1 from the commands, and writes the version where pages show how a server starts.

A test compares both.
"""

from __future__ import annotations

import re
from inspect import cleandoc
from pathlib import Path

import click

from headwater import __version__
from headwater.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "man" / "headwater.1"
PAGES_WITH_VERSION = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


def man_page() -> str:
    """The manual page, in man(7)'s macros."""
    context = click.Context(main, info_name="headwater")
    lines = [
        f'.TH HEADWATER 1 "" "Headwater {__version__}" "Headwater"',
        ".SH NAME",
        r"headwater \- Amazon Kinesis Data Streams on your own machine",
        ".SH SYNOPSIS",
        r".B headwater",
        r"\fICOMMAND\fR [\fIOPTION\fR]... [\fIARGUMENT\fR]...",
        ".SH DESCRIPTION",
        *_paragraphs(main.help),
        ".SH COMMANDS",
        *_commands(main, context),
    ]
    return "\n".join(lines) + "\n"


def _commands(group: click.Group, context: click.Context) -> list[str]:
    lines = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        usage = " ".join(command.collect_usage_pieces(inner))
        lines += [f".SS {_text(inner.command_path)} {_text(usage)}", *_paragraphs(command.help)]
        for parameter in command.get_params(inner):
            record = parameter.get_help_record(inner)
            if record is not None and record[1] and "--help" not in parameter.opts:
                lines += [".TP", rf"\fB{_text(record[0])}\fR", _line(record[1])]
        if isinstance(command, click.Group):
            lines += _commands(command, inner)
    return lines


def _paragraphs(help_: str | None) -> list[str]:
    lines = []
    for paragraph in cleandoc(help_ or "").split("\n\n"):
        first, *others = paragraph.splitlines() or [""]
        is_verbatim = first.strip(" ") == "\b"  # click's mark
        body = [_line(line) for line in (others if is_verbatim else [first, *others])]
        lines += [".PP", *([".nf", *body, ".fi"] if is_verbatim else body)]
    return lines


def _text(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-")


def _line(text: str) -> str:
    """A line of running text, which must not be taken for a macro."""
    line = _text(text.strip())
    return rf"\&{line}" if line.startswith((".", "'")) else line


def with_version(text: str) -> str:
    """A page with the present version where a server says that it is ready."""
    return re.sub(r"\bHeadwater \d+\.\d+\.\w+ is ready\b", f"Headwater {__version__} is ready", text)


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(man_page())
    for page in PAGES_WITH_VERSION:
        page.write_text(with_version(page.read_text()))
