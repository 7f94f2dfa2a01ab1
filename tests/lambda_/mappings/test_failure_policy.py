"""What an answer means for a batch, and what becomes of one that failed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.lambda_.mappings.failure_policy import (
    BatchAttempt,
    Failure,
    FailureDecision,
    backoff_ms,
    count_too_old,
    decide,
    judge,
)
from tests.lambda_.written_records import mapping, record, records, result
from tests.tables import each

NUMBERS = ["0", "1", "2", "3"]
WHOLE = Failure(0, is_partial=False)


def items(*identifiers: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


@each(
    ("answer", "expected"),
    [
        (None, None),
        ("", None),
        ([], None),
        ({}, None),
        ({"other": 1}, None),
        ({"batchItemFailures": []}, None),
        ({"batchItemFailures": None}, None),
        (items("2"), Failure(2, is_partial=True)),
        (items("3", "1", "2"), Failure(1, is_partial=True)),
        (items("0"), Failure(0, is_partial=True)),
        (items("2", "2"), Failure(2, is_partial=True)),
        (items(""), WHOLE),
        (items(None), WHOLE),
        (items(2), WHOLE),
        (items("99"), WHOLE),
        (items("2", "99"), WHOLE),
        ({"batchItemFailures": [{"identifier": "2"}]}, WHOLE),
        ({"batchItemFailures": ["2"]}, WHOLE),
        ({"batchItemFailures": "2"}, WHOLE),
        ({"batchItemFailures": {"itemIdentifier": "2"}}, WHOLE),
        ("done", WHOLE),
        ([1], WHOLE),
        (7, WHOLE),
    ],
)
def test_a_report_says_where_a_batch_failed(answer: Any, expected: Failure | None) -> None:
    assert judge(result(json.dumps(answer).encode()), NUMBERS, reports=True) == expected


def test_without_reports_every_answer_is_success() -> None:
    assert judge(result(json.dumps(items("1")).encode()), NUMBERS, reports=False) is None
    assert judge(result(b"no JSON"), NUMBERS, reports=False) is None


def test_an_error_of_the_function_fails_the_whole_batch_whatever_it_reports() -> None:
    for reports in (False, True):
        assert judge(result(b"{}", "Unhandled"), NUMBERS, reports=reports) == WHOLE
        assert judge(result(b"{}", "Handled"), NUMBERS, reports=reports) == WHOLE


@pytest.mark.parametrize("payload", [b"no JSON", b'{"batchItemFailures": [', b"\xff", b"[" * 100_000])
def test_a_report_that_is_not_json_fails_the_whole_batch(payload: bytes) -> None:
    assert judge(result(payload), NUMBERS, reports=True) == WHOLE


def test_an_empty_body_is_an_empty_report() -> None:
    assert judge(result(b""), NUMBERS, reports=True) is None


FOUR = records(4)


@pytest.mark.parametrize(
    ("options", "work", "failure", "expected"),
    [
        # as it is, without an end
        ({}, BatchAttempt(FOUR), WHOLE, FailureDecision((BatchAttempt(FOUR, 1, 1),), None)),
        (
            {},
            BatchAttempt(FOUR, 7_000, 7_000),
            WHOLE,
            FailureDecision((BatchAttempt(FOUR, 7_001, 7_001),), None),
        ),
        # a number of retries
        (
            {"maximum_retry_attempts": 0},
            BatchAttempt(FOUR),
            WHOLE,
            FailureDecision((), BatchAttempt(FOUR, 0, 1)),
        ),
        (
            {"maximum_retry_attempts": 2},
            BatchAttempt(FOUR, 1, 1),
            WHOLE,
            FailureDecision((BatchAttempt(FOUR, 2, 2),), None),
        ),
        (
            {"maximum_retry_attempts": 2},
            BatchAttempt(FOUR, 2, 2),
            WHOLE,
            FailureDecision((), BatchAttempt(FOUR, 2, 3)),
        ),
        # from the first record that failed
        (
            {},
            BatchAttempt(FOUR),
            Failure(3, is_partial=True),
            FailureDecision((BatchAttempt(FOUR[3:], 1, 1),), None),
        ),
        (
            {"maximum_retry_attempts": 1},
            BatchAttempt(FOUR, 1, 1),
            Failure(2, is_partial=True),
            FailureDecision((), BatchAttempt(FOUR[2:], 1, 2)),
        ),
        # halved, which is no retry
        (
            {"bisect_batch": True, "maximum_retry_attempts": 0},
            BatchAttempt(FOUR),
            WHOLE,
            FailureDecision((BatchAttempt(FOUR[:2], 0, 1), BatchAttempt(FOUR[2:], 0, 1)), None),
        ),
        (
            {"bisect_batch": True},
            BatchAttempt(FOUR[:3]),
            WHOLE,
            FailureDecision((BatchAttempt(FOUR[:1], 0, 1), BatchAttempt(FOUR[1:3], 0, 1)), None),
        ),
        (
            {"bisect_batch": True, "maximum_retry_attempts": 1},
            BatchAttempt(FOUR[:1], 0, 3),
            WHOLE,
            FailureDecision((BatchAttempt(FOUR[:1], 1, 4),), None),
        ),
        (
            {"bisect_batch": True, "maximum_retry_attempts": 1},
            BatchAttempt(FOUR[:1], 1, 4),
            WHOLE,
            FailureDecision((), BatchAttempt(FOUR[:1], 1, 5)),
        ),
        # cut where it failed, which is no retry either
        (
            {"bisect_batch": True, "maximum_retry_attempts": 0},
            BatchAttempt(FOUR),
            Failure(1, is_partial=True),
            FailureDecision((BatchAttempt(FOUR[1:], 0, 1),), None),
        ),
        (
            {"bisect_batch": True},
            BatchAttempt(FOUR),
            Failure(0, is_partial=True),
            FailureDecision((BatchAttempt(FOUR[:2], 0, 1), BatchAttempt(FOUR[2:], 0, 1)), None),
        ),
    ],
)
def test_a_failed_batch_is_retried_divided_or_given_up(
    options: dict[str, Any], work: BatchAttempt, failure: Failure, expected: FailureDecision
) -> None:
    assert decide(work, failure, mapping(**options)) == expected


def test_records_are_too_old_up_to_the_first_that_is_not() -> None:
    arrived = [record(0, 100), record(1, 200), record(2, 300)]
    assert [count_too_old(arrived, oldest_ms) for oldest_ms in (0, 100, 101, 300, 301)] == [0, 0, 1, 2, 3]


def test_delays_double_up_to_a_limit() -> None:
    assert [backoff_ms(attempts, 1_000) for attempts in (1, 2, 3, 6, 7, 8, 10**6)] == [
        1_000,
        2_000,
        4_000,
        32_000,
        60_000,
        60_000,
        60_000,
    ]
    assert backoff_ms(5, 0) == 0
