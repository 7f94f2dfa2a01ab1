"""How misplaced user records are told of."""

from __future__ import annotations

import logging

import pytest

from headwater.client.calls.timing import Timing
from headwater.client.consumer.misplaced_records import TELL_EVERY_S, MisplacedRecords


def test_the_first_are_told_at_once_and_later_ones_together(caplog: pytest.LogCaptureFixture) -> None:
    now_s = 0.0
    misplaced = MisplacedRecords("orders", is_kept=False, timing=Timing(now_s=lambda: now_s))
    with caplog.at_level(logging.WARNING, "headwater.client"):
        misplaced.tell()
        assert caplog.messages == []
        misplaced.found("b", 40)
        misplaced.tell()
        assert [message[:39] for message in caplog.messages] == ["40 user records of orders were dropped:"]
        misplaced.found("b", 1)
        misplaced.tell()
        misplaced.found("a", 2)
        now_s = TELL_EVERY_S
        assert len(caplog.messages) == 1
        misplaced.tell()
        assert caplog.messages[1].startswith("3 user records of orders")
        assert "found in a, b" in caplog.messages[1]
        misplaced.found("a", 5)
        misplaced.tell(at_once=True)
        misplaced.tell(at_once=True)
        assert len(caplog.messages) == 3
