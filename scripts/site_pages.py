"""What the documentation site has beside docs/: pages from elsewhere in the tree, and pages made from code.

A hook of MkDocs. A page keeps the links that it has in the tree: each is resolved there, and leads to where
the site has the file. What the site does not have, sources for instance, is named without a link.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headwater import client, testing
from headwater.cli.main import main
from headwater.client.calls import errors

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PLACES = {
    "ARCHITECTURE.md": "explanation/architecture.md",
    "CHANGELOG.md": "reference/changes.md",
    "benchmarks/RESULTS.md": "benchmarks/RESULTS.md",
    "benchmarks/RESULTS.svg": "benchmarks/RESULTS.svg",
    "benchmarks/WHOLE.md": "benchmarks/WHOLE.md",
    "benchmarks/WHOLE.svg": "benchmarks/WHOLE.svg",
    "examples/compose.yaml": "examples/compose.yaml",
    "examples/compose.kafka.yaml": "examples/compose.kafka.yaml",
    "examples/compose.tests.yaml": "examples/compose.tests.yaml",
    "examples/github-actions.yaml": "examples/github-actions.yaml",
    "examples/kubernetes.yaml": "examples/kubernetes.yaml",
    "dashboards/headwater.json": "dashboards/headwater.json",
}
"""Where the site has what stands outside docs/, by its path in the tree."""
BENCHES = ("benchmarks/RESULTS.md", "benchmarks/WHOLE.md")
"""Where the figures of the comparison are: nowhere else."""
SCENARIOS = (
    "PutRecord 100 B, 16 connections",
    "PutRecords 500 x 100 B, 4 connections",
    "PutRecords 100 x 10 KB, 4 connections",
    "GetRecords 10,000 x 100 B, 1 connection",
    "GetRecords 1,000 x 10 KB, 1 connection",
    "On disk: PutRecord 100 B, 64 connections",
    "On disk: PutRecords 500 x 100 B, 4 connections",
)
_RATE = re.compile(r"^\| ([^|]+) \| ([^|]+) \| [^|]* \| ([^|]*?) ?\| [^|]* \| ([\w/]+) \|", re.MULTILINE)
_LINK = re.compile(r"(?<!\\)(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that docs/ does not have."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - what is made of code needs no MkDocs

    for place, uri in PLACES.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / place)))
    made = {
        "reference/command-line.md": command_line(),
        "reference/client.md": python_names(
            "headwater.client",
            [*client.__all__, "calls.metrics.PrometheusCollector", *errors_of_the_client()],
            *("producer.md", "consumer.md", "queue-consumer.md"),
        ),
        "reference/testing.md": python_names("headwater.testing", testing.__all__, "testing.md"),
    }
    for uri, text in made.items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let the links of a page lead to where the site has their files."""
    uri = page.file.src_uri
    here = next((place for place, at in PLACES.items() if at == uri), f"docs/{uri}")
    if uri == "compared.md":
        markdown += "".join(rates((ROOT / place).read_text()) for place in BENCHES)
    return site_links(markdown, here, uri)


def site_links(markdown: str, here: str, uri: str) -> str:
    """A page that stands at `here` in the tree and at `uri` on the site, with the links that it has there."""
    parts = _CODE.split(markdown)  # code at odd places
    for place in range(0, len(parts), 2):
        parts[place] = _LINK.sub(lambda link: _site_link(link, here, uri), parts[place])
    return "".join(parts)


def _site_link(link: re.Match[str], here: str, uri: str) -> str:
    target, hash_, anchor = link[3].partition("#")
    if not target or ":" in target:
        return link[0]
    place = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
    at = PLACES.get(place) or (place.removeprefix("docs/") if place.startswith("docs/") else None)
    if at is None:
        return link[2]
    return f"{link[1]}[{link[2]}]({posixpath.relpath(at, posixpath.dirname(uri) or '.')}{hash_}{anchor})"


def rates(results: str) -> str:
    """A table of the medians of a bench: a row for each scenario of SCENARIOS, a column for each server."""
    found: dict[str, dict[str, str]] = {name: {} for name in SCENARIOS}
    for name, server, median, unit in _RATE.findall(results):
        if name in found and "@" not in server and server != "nginx":
            found[name][server.removesuffix(" on disk")] = f"{median} {unit}" if median else "failed"
    servers = list(dict.fromkeys(server for row in found.values() for server in row))
    head = ["", f"{results.split('Measured on ')[1][:10]}, medians", *servers, ""]
    lines = [" | ".join(head), "| --- " * (len(servers) + 1) + "|"]
    lines += [
        f"| {name} | {' | '.join(row.get(server, '') for server in servers)} |" for name, row in found.items()
    ]
    return "\n" + "\n".join(lines).strip() + "\n"


def command_line() -> str:
    """The page of the commands, each with its `--help`."""
    lines = ["# Command line", "", "Each command with what `--help` says of it.", ""]
    context = click.Context(main, info_name="headwater", terminal_width=96)
    lines += _command(main, context, 2)
    return "\n".join(lines)


def _command(command: click.Command, context: click.Context, level: int) -> list[str]:
    lines = [f"{'#' * level} {context.command_path}", "", "```text", command.get_help(context), "```", ""]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            part = command.get_command(context, name)
            if part is not None and not part.hidden:
                inner = click.Context(part, info_name=name, parent=context, terminal_width=96)
                lines += _command(part, inner, min(level + 1, 4))
    return lines


def errors_of_the_client() -> list[str]:
    """The errors that the client library raises, as the page about it names them."""
    found = (name for name, value in vars(errors).items() if isinstance(value, type))
    return [f"calls.errors.{name}" for name in found if issubclass(vars(errors)[name], errors.ClientError)]


def python_names(module: str, names: list[str], *pages: str) -> str:
    """A page of a module's public names, made from their docstrings; `pages` say how they are used."""
    entries = (f"::: {module}.{name}\n" for name in names)
    used = ", ".join(f"[{page}](../{page})" for page in pages)
    return f"# {module}\n\nIts public names. How they are used: {used}.\n\n" + "\n".join(entries)
