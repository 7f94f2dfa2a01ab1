"""The table of times holds its own rules."""

from __future__ import annotations

from headwater.storage.interface import ANSWER_WITHIN_S
from headwater.storage.kafka import patience


def test_a_broker_answers_before_its_connection_is_given_up() -> None:
    assert patience.PRODUCE_BROKER_TIMEOUT_MS < patience.REQUEST_TIMEOUT_MS
    assert patience.CONTROL_BROKER_TIMEOUT_MS < patience.CONTROL_TIMEOUT_MS


def test_the_next_broker_can_be_asked_within_a_call_of_the_store() -> None:
    found_ms = patience.CONNECT_TIMEOUT_MS  # who leads in its place, of another one
    for silent_ms in (patience.REQUEST_TIMEOUT_MS, patience.CONTROL_TIMEOUT_MS):
        assert silent_ms + found_ms < 1000 * patience.CALL_WITHIN_S


def test_a_call_of_the_store_is_told_late_before_its_request_is() -> None:
    assert patience.CALL_WITHIN_S + patience.SWEEP_S < ANSWER_WITHIN_S
