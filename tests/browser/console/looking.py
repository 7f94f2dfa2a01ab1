"""What a user does with the console: goes somewhere, reads, clicks, types."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.waiting import wait_until

TIMEOUT_MS = 240_000
"""It is no claim about how long anything takes."""
LOOK_EVERY_MS = 200


class Console:
    """The console in one window."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.faults: list[str] = []
        """What the page's own scripts and policies complain about."""
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._note)

    def go(self, place: str = "") -> None:
        """To a view, by its address behind the `#/`."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}/_headwater/console/#/{place}")

    def see(self, text: str | re.Pattern[str]) -> None:
        """Wait until a text can be seen."""
        self.page.get_by_text(text).first.wait_for()

    def click(self, name: str) -> None:
        """A button by its name."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def follow(self, name: str) -> None:
        """A link by its name."""
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def fill(self, label: str, text: str) -> None:
        """A field by its label."""
        self.page.get_by_label(label).first.fill(text)

    def row(self, text: str) -> Any:
        """The row with a text."""
        return self.page.get_by_role("row").filter(has_text=text).first

    def rows(self) -> int:
        """How many rows the large table has, shown or not."""
        return int(self.page.get_by_role("grid").get_attribute("aria-rowcount")) - 1

    def await_rows(self, count: int) -> None:
        """Until the large table has so many rows."""
        self.page.locator(f'[role="grid"][aria-rowcount="{count + 1}"]').wait_for()

    def texts(self, column: int) -> list[str]:
        """What stands in a column of the rows in sight, from top to bottom."""
        cells = self.page.locator(".grid-body .grid-row").all()
        placed = sorted(cells, key=lambda cell: cell.bounding_box()["y"])
        return [cell.locator("> span").nth(column).inner_text() for cell in placed]

    def await_while(self, act: Callable[[], object], locator: Any) -> None:
        """Act again and again until something is seen: a chart's minute may be over when it is shown."""

        def is_seen() -> bool:
            act()
            self.page.wait_for_timeout(LOOK_EVERY_MS)
            return bool(locator.count())

        wait_until(is_seen)

    def copied(self) -> str:
        """What was copied last."""
        text: str = self.page.evaluate("navigator.clipboard.readText()")
        return text

    def _note(self, message: Any) -> None:
        # An answer that is an error of the API is written to the browser's log, and shown by the page.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)
