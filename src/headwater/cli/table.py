"""How the commands show things: tables and sentences to a person, JSON lines to a program.

A command draws when standard output is a terminal and `--json` was not given. rich
is imported only here, inside the functions that draw.

Whatever came out of a stream is shown by `printable` alone: a record must not be able
to move the cursor, change the title or paint over other lines of its reader's terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress

TIMES = (
    "ApproximateArrivalTimestamp",
    "ChannelCreationTimestamp",
    "FirstReceiveTimestamp",
    "QueueCreationTimestamp",
    "StreamCreationTimestamp",
)
"""The members of answers that are points in time."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON lines on a terminal, too; a pipe always gets them."
)


def draws(as_json: bool) -> bool:
    """Whether to draw for a person instead of writing JSON lines."""
    return not as_json and sys.stdout.isatty()


def printable(text: str) -> str:
    r"""`text` with everything that does not print written as an escape: a tab as `\t`, a bell as `\x07`.

    Escapes also what reorders or hides text, such as the marks for writing right to left.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def json_line(value: dict[str, Any]) -> str:
    """One line of JSON in ASCII, its newline included."""
    return json.dumps(value) + "\n"


def iso_time(epoch_s: float) -> str:
    """A point in time for a program: UTC, to the millisecond."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def with_iso_times(members: dict[str, Any]) -> dict[str, Any]:
    """The members of an answer, with times for a program."""
    return {name: iso_time(value) if name in TIMES else value for name, value in members.items()}


def local_time(epoch_s: float) -> str:
    """A point in time for a person: local time, to the second."""
    return f"{datetime.fromtimestamp(epoch_s, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def local_time_ms(epoch_s: float) -> str:
    """A point in time for a person: local time, to the millisecond."""
    return f"{datetime.fromtimestamp(epoch_s, UTC).astimezone():%Y-%m-%d %H:%M:%S.%f}"[:-3]


def draw_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Draw rows under their column names on standard output."""
    from rich import box  # noqa: PLC0415 - only commands that draw pay for rich
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text, not str: rich would read "[red]" in a str as a colour
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    Console().print(table)


def draw_properties(properties: Iterable[tuple[str, object]]) -> None:
    """Write name and value pairs, one a line, the values aligned."""
    shown = [(name, printable(str(value))) for name, value in properties]
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {value}")


def put_progress(total_bytes: int | None) -> Progress:
    """A bar on standard error for a put: lines and bytes so far; pulsing when the size is unknown."""
    from rich.console import Console  # noqa: PLC0415 - only commands that draw pay for rich
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    progress = Progress(
        TextColumn("{task.fields[records]:,} records"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    progress.add_task("put", total=total_bytes, records=0)
    return progress
