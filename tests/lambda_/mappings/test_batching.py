"""When waiting records become a batch, and how many of them."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.lambda_.mappings.batching import PAYLOAD_BYTES_MAX, Gathered, Plan, is_too_large, plan_batch
from headwater.lambda_.mappings.kinesis_event import ENVELOPE_BYTES
from tests.tables import each

NOW_MS = 10_000
MIB = 1024 * 1024
WHOLE_EVENT = PAYLOAD_BYTES_MAX - ENVELOPE_BYTES - 1


@each(
    ("sizes", "batch_size", "window_ms", "waited_ms", "is_closed", "expected"),
    [
        ([], 10, 0, 0, False, Plan(0)),
        ([], 10, 5_000, 0, True, Plan(0)),
        # without a window, what there is goes
        ([10], 10, 0, 0, False, Plan(1)),
        ([10] * 3, 10, 0, 0, False, Plan(3)),
        ([10] * 30, 10, 0, 0, False, Plan(10)),
        ([10] * 3, 1, 0, 0, False, Plan(1)),
        # with one, a batch waits for more records
        ([10] * 3, 10, 5_000, 0, False, Plan(0, NOW_MS + 5_000)),
        ([10] * 3, 10, 5_000, 4_999, False, Plan(0, NOW_MS + 1)),
        ([10] * 3, 10, 5_000, 5_000, False, Plan(3)),
        ([10] * 10, 10, 5_000, 0, False, Plan(10)),
        ([10] * 11, 10, 5_000, 0, False, Plan(10)),
        ([10] * 3, 10, 5_000, 0, True, Plan(3)),
        # the payload limit fills a batch, too
        ([2 * MIB] * 2, 10, 5_000, 0, False, Plan(0, NOW_MS + 5_000)),
        ([2 * MIB] * 3, 10, 5_000, 0, False, Plan(2)),
        ([2 * MIB] * 9, 10, 0, 0, False, Plan(2)),
        ([WHOLE_EVENT], 10, 0, 0, False, Plan(1)),
        ([WHOLE_EVENT, 1], 10, 5_000, 0, False, Plan(1)),
        # a record that is too large is a batch of its own, at once
        ([7 * MIB], 10, 5_000, 0, False, Plan(1)),
        ([7 * MIB, 10], 10, 5_000, 0, False, Plan(1)),
        ([10, 7 * MIB], 10, 5_000, 0, False, Plan(1)),
    ],
)
def test_a_batch_is_due_when_it_is_full_or_has_waited_or_can_get_no_more(
    sizes: list[int], batch_size: int, window_ms: int, waited_ms: int, is_closed: bool, expected: Plan
) -> None:
    gathered = Gathered(sizes, len(sizes), sum(sizes), NOW_MS - waited_ms, is_closed)
    assert plan_batch(gathered, batch_size, window_ms, NOW_MS) == expected


def test_what_stands_beside_the_records_counts_against_the_payload_limit() -> None:
    gathered = Gathered([3 * MIB - 100] * 2, 2, 6 * MIB - 200, NOW_MS, False)
    assert plan_batch(gathered, 10, 0, NOW_MS).size == 2
    assert plan_batch(gathered, 10, 0, NOW_MS, members_bytes=1_000).size == 1


def test_a_record_is_too_large_when_no_event_can_hold_it() -> None:
    assert not is_too_large(PAYLOAD_BYTES_MAX - ENVELOPE_BYTES)
    assert is_too_large(PAYLOAD_BYTES_MAX - ENVELOPE_BYTES + 1)
    assert is_too_large(PAYLOAD_BYTES_MAX - ENVELOPE_BYTES, members_bytes=1)


def test_a_batch_that_cannot_be_due_yet_is_not_counted() -> None:
    def looked_at() -> Iterator[int]:
        raise AssertionError
        yield 0

    gathered = Gathered(looked_at(), 9_999, 5 * MIB, NOW_MS, False)
    assert plan_batch(gathered, 10_000, 5_000, NOW_MS) == Plan(0, NOW_MS + 5_000)
