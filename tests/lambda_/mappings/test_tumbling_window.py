"""Windows of time: where they begin, what state comes back, and what a function is told."""

from __future__ import annotations

import json

import pytest

from headwater.lambda_.mappings.tumbling_window import (
    WindowState,
    returned_state,
    window_start_ms,
    write_members,
)
from tests.lambda_.written_records import STREAM_ARN, result

NINE_PAST_MS = 1_607_497_475_000
"""2020-12-09T07:04:35Z."""


@pytest.mark.parametrize(
    ("length_s", "expected_s"),
    [(120, 1_607_497_440), (60, 1_607_497_440), (30, 1_607_497_470), (1, 1_607_497_475)],
)
def test_windows_are_aligned_to_the_epoch(length_s: int, expected_s: int) -> None:
    assert window_start_ms(NINE_PAST_MS, length_s) == expected_s * 1000


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"state": {"1": 282}}', b'{"1": 282}'),
        (b'{"state": "text", "batchItemFailures": []}', b'"text"'),
        (b'{"state": null}', b"{}"),
        (b'{"batchItemFailures": []}', None),
        (b"null", None),
        (b"[]", None),
        (b"no JSON", None),
        (b"", None),
    ],
)
def test_the_state_is_what_the_function_returned_as_such(payload: bytes, expected: bytes | None) -> None:
    assert returned_state(result(payload)) == expected


def test_a_windows_event_says_which_window_it_is_and_what_its_state_was() -> None:
    window = WindowState(1_607_497_440_000, b'{"1": 282, "2": 715}')
    members = write_members(window, 120, "shardId-000000000006", STREAM_ARN, is_final=False)
    assert json.loads(b"{" + members + b"}") == {
        "window": {"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"},
        "state": {"1": 282, "2": 715},
        "shardId": "shardId-000000000006",
        "eventSourceARN": STREAM_ARN,
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def test_the_last_event_of_a_window_says_so_and_whether_it_is_early() -> None:
    window = WindowState(0)
    for is_early in (False, True):
        members = write_members(window, 1, "s", STREAM_ARN, is_final=True, is_early=is_early)
        document = json.loads(b"{" + members + b"}")
        assert document["isFinalInvokeForWindow"] is True
        assert document["isWindowTerminatedEarly"] is is_early
        assert document["state"] == {}
