"""Draws the pictures of docs/explanation: `python scripts/draw_pictures.py`.

Each is a list of boxes, arrows and words. Its colours are of middle brightness, so that it can be read on a
light page and on a dark one.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
LINE, WORD, ACCENT = "#7d8ca0", "#72829a", "#12897b"
STYLE = "font-family:system-ui,sans-serif;font-size:14px"


class Picture:
    """Shapes, in pixels from the left and from the top."""

    def __init__(self, width: int, height: int, title: str) -> None:
        tip = f'<path d="M0 0L8 4L0 8z" fill="{LINE}"/>'
        marker = 'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"'
        size = f'viewBox="0 0 {width} {height}"'
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" style="{STYLE}">',
            f"<title>{escape(title)}</title>",
            f'<defs><marker id="tip" {marker}>{tip}</marker></defs>',
        ]

    def box(self, x: int, y: int, width: int, height: int, *lines: str, accent: bool = False) -> None:
        """A box with lines of words in its middle."""
        colour = ACCENT if accent else LINE
        fill = f"{ACCENT}22" if accent else "none"
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" '
            f'fill="{fill}" stroke="{colour}"/>'
        )
        top = y + height / 2 + 5 - 9 * (len(lines) - 1)
        for number, line in enumerate(lines):
            self.word(x + width / 2, top + 18 * number, line, accent=accent)

    def word(self, x: float, y: float, text: str, *, accent: bool = False, at: str = "middle") -> None:
        """A line of words."""
        colour = ACCENT if accent else WORD
        self._parts.append(f'<text x="{x}" y="{y}" text-anchor="{at}" fill="{colour}">{escape(text)}</text>')

    def arrow(self, x: int, y: int, to_x: int, to_y: int, text: str = "", *, dashed: bool = False) -> None:
        """An arrow, with words above its middle."""
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<path d="M{x} {y}L{to_x} {to_y}" stroke="{LINE}" fill="none" marker-end="url(#tip)"{dashes}/>'
        )
        if text:
            self.word((x + to_x) / 2, (y + to_y) / 2 - (7 if abs(to_y - y) < 20 else 26), text)

    def text(self) -> str:
        """The picture as SVG."""
        return "\n".join([*self._parts, "</svg>", ""])


def records() -> str:
    """How a record is kept."""
    draw = Picture(
        760, 270, "A record goes from its shard's log into a block, and with others into one commit"
    )
    for number, key in enumerate(("alice", "bob", "carol")):
        draw.box(10, 20 + 62 * number, 130, 44, f"put {key}")
        draw.arrow(140, 42 + 62 * number, 216, 42 + 62 * number, "MD5")
    draw.box(220, 20, 150, 106, "shard 0", "log: 17, 18")
    draw.box(220, 144, 150, 44, "shard 1, log: 9")
    draw.arrow(370, 73, 436, 73)
    draw.arrow(370, 166, 436, 166)
    draw.box(440, 51, 130, 44, "block 17-18", accent=True)
    draw.box(440, 144, 130, 44, "block 9", accent=True)
    draw.arrow(570, 73, 632, 112)
    draw.arrow(570, 166, 632, 128)
    draw.box(636, 84, 114, 72, "one commit,", "one sync", accent=True)
    draw.arrow(693, 156, 693, 236)
    draw.arrow(693, 240, 80, 240, "three answers leave")
    draw.arrow(75, 240, 75, 196)
    return draw.text()


def shards() -> str:
    """How a shard ends."""
    draw = Picture(
        760, 300, "A shard that is split ends, and its two children begin; two that are merged have one child"
    )
    draw.box(20, 110, 200, 60, "shard 0", "0 … 2^128-1")
    draw.arrow(220, 130, 296, 60, "split")
    draw.arrow(220, 150, 296, 220)
    draw.box(300, 30, 200, 60, "shard 1", "0 … 2^127-1", accent=True)
    draw.box(300, 190, 200, 60, "shard 2", "2^127 … 2^128-1", accent=True)
    draw.arrow(500, 60, 566, 128, "merge")
    draw.arrow(500, 220, 566, 152)
    draw.box(570, 110, 170, 60, "shard 3", "0 … 2^128-1")
    draw.word(120, 200, "at its end, a reader gets")
    draw.word(120, 220, "ChildShards: 1 and 2,")
    draw.word(120, 240, "no NextShardIterator")
    draw.word(655, 200, "read when both parents")
    draw.word(655, 220, "are at their end")
    draw.arrow(20, 280, 740, 280, "time")
    return draw.text()


def leases() -> str:
    """How leases work."""
    draw = Picture(760, 290, "Three workers share the shards of a stream by leases in a table")
    for number, worker in enumerate(("worker a", "worker b", "worker c")):
        draw.box(
            20, 20 + 90 * number, 130, 60, worker, "gone" if number == 2 else "alive", accent=number != 2
        )
    draw.word(400, 24, "the state: one lease for each shard")
    for number, (shard, owner, counter, checkpoint) in enumerate(
        (
            ("shard 0", "a", "41", "…0417"),
            ("shard 1", "b", "18", "…0912"),
            ("shard 2", "c → a", "7 → 8", "…0255"),
        )
    ):
        y = 44 + 80 * number
        draw.box(290, y, 450, 52, f"{shard}   owner {owner}   counter {counter}   checkpoint {checkpoint}")
    draw.arrow(150, 50, 286, 66, "renews")
    draw.arrow(150, 140, 286, 148, "renews")
    draw.arrow(150, 230, 286, 230, "silent", dashed=True)
    draw.arrow(110, 80, 286, 214, dashed=False)
    draw.word(176, 178, "takes it")
    return draw.text()


PICTURES: dict[str, Callable[[], str]] = {"records": records, "shards": shards, "leases": leases}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw())
