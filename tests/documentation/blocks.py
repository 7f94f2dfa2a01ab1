"""The code blocks of README.md and docs/, and what a page says of each, where no reader sees it.

A comment on the line before a block says what a test makes of it:

    <!-- not run: it needs a cluster of brokers -->   why nobody runs it
    <!-- run by tests/cli/test_limits.py -->          which other test runs it
    <!-- first: headwater stream create orders -->    what has to be run before it, in its own language

Without the first two it is run by test_runs.py, if it is a program, or read by test_blocks.py, if it is data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
TUTORIALS = ROOT / "docs" / "tutorials"
TUTORIALS_TEST = "tests/tutorials/test_pages.py"

PROGRAMS = ("console", "python", "sh")
"""What can be run. Of `console`, the lines behind a `$` are run, and the others are what they print."""

DATA = ("ini", "json", "toml", "yaml")
"""What can be read."""

SHOWN = ("text",)
"""What is to be looked at: pictures made of letters, patterns, and the output of the block before."""

_BLOCK = re.compile(
    r'^```(?P<language>[\w-]*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE
)
_MARKER = re.compile(r"<!-- (not run|run by|first):? (.*?) -->\n", re.DOTALL)
_MARKERS_BEFORE = re.compile(r"(?:<!-- (?:not run|run by|first):? (?:(?!-->).)*? -->\n)+\Z", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A code block with what is said of it."""

    page: str
    """The page's path in the tree."""
    line: int
    language: str
    text: str
    title: str = ""
    """The file that it is, if it is one."""
    why_not_run: str = ""
    run_by: str = ""
    """Path of the test that runs it, in the tree."""
    first: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_left_out(self) -> bool:
        """Whether somebody else runs it, or nobody."""
        return bool(self.why_not_run or self.run_by)


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, from top to bottom."""
    text = page.read_text()
    found = []
    for match in _BLOCK.finditer(text):
        said = _MARKERS_BEFORE.search(text[: match.start()])
        markers = dict(_MARKER.findall(said[0])) if said else {}
        is_tutorial = page.is_relative_to(TUTORIALS) and page.name != "index.md"
        found.append(
            Block(
                page=str(page.relative_to(ROOT)),
                line=text.count("\n", 0, match.start()) + 1,
                language=match["language"],
                text=match["text"],
                title=match["title"] or "",
                why_not_run=markers.get("not run", ""),
                run_by=TUTORIALS_TEST if is_tutorial else markers.get("run by", ""),
                first=markers.get("first", ""),
            )
        )
    return found


def all_blocks() -> list[Block]:
    """Those of all pages."""
    return [block for page in PAGES for block in blocks_of(page)]


def markers_without_a_block(page: Path) -> int:
    """How many markers of a page stand before no block, and so say nothing of any."""
    text = page.read_text()
    heeded = sum(
        len(_MARKER.findall(said[0]))
        for match in _BLOCK.finditer(text)
        if (said := _MARKERS_BEFORE.search(text[: match.start()]))
    )
    return text.count("<!--") - heeded


def headwater_commands(text: str) -> list[str]:
    """The arguments of each call of `headwater` in a shell's text."""
    joined = text.replace("\\\n", " ")
    found = re.findall(r"(?:^|[|(;&!] *|until |\$ )headwater\b([^\n]*)", joined, re.MULTILINE)
    return [re.split(r" [#|;>] ?|;|\)| && ", command)[0].strip() for command in found]
