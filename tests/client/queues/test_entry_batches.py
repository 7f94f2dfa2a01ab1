from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from headwater.client import ReceiptLost
from headwater.client.calls.errors import ConnectionFailed, ServiceError
from headwater.client.calls.timing import Timing
from headwater.client.queues.entry_batches import EntryBatches
from headwater.client.queues.queue_calls import EntryFailure
from tests.client.virtual_time import run_in_virtual_time


class Calls:
    """Takes calls, and answers with what it is told to."""

    def __init__(self, *answers: Any) -> None:
        self.made: list[list[str]] = []
        self._answers = list(answers)

    async def send(self, entries: Sequence[dict[str, Any]]) -> list[EntryFailure]:
        self.made.append([entry["ReceiptHandle"] for entry in entries])
        answer = self._answers.pop(0) if self._answers else []
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    def batches(self, linger_s: float = 0.02) -> EntryBatches:
        """Batches of these calls, on the running loop's time."""
        return EntryBatches(self.send, Timing(now_s=asyncio.get_running_loop().time), linger_s)


def refused(receipt: str, code: str) -> EntryFailure:
    return EntryFailure(receipt_handle=receipt, error_code=code, error_message="no")


def test_entries_share_calls_of_ten_and_the_last_ones_linger() -> None:
    calls = Calls()

    async def test() -> float:
        batches = calls.batches(linger_s=5)
        begin_s = asyncio.get_running_loop().time()
        await asyncio.gather(*(batches.submit(str(number), 60) for number in range(23)))
        return asyncio.get_running_loop().time() - begin_s

    assert run_in_virtual_time(test()) == pytest.approx(5)
    assert [len(made) for made in calls.made] == [10, 10, 3]
    assert [receipt for made in calls.made for receipt in made] == [str(number) for number in range(23)]


@pytest.mark.parametrize(
    "trouble",
    [
        ConnectionFailed("gone"),
        ServiceError("ThrottlingException", "slow", 400),
        [refused("b", "ThrottlingException")],
        [refused("b", "InternalFailureException")],
    ],
)
def test_what_may_pass_is_sent_again(trouble: Any) -> None:
    calls = Calls(trouble, trouble)

    async def test() -> None:
        batches = calls.batches()
        await asyncio.gather(batches.submit("a", 60), batches.submit("b", 60))

    run_in_virtual_time(test())
    assert calls.made[0] == ["a", "b"]
    assert len(calls.made) == 3
    assert "b" in calls.made[-1]


def test_what_does_not_pass_is_told_when_the_time_is_over() -> None:
    calls = Calls(*[ConnectionFailed("gone")] * 1000)

    async def test() -> float:
        begin_s = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionFailed):
            await calls.batches().submit("a", 10)
        return asyncio.get_running_loop().time() - begin_s

    assert 10 <= run_in_virtual_time(test()) < 15


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidArgumentException"])
def test_a_receipt_that_is_no_longer_good_is_lost_and_the_others_are_taken(code: str) -> None:
    calls = Calls([refused("b", code)])

    async def test() -> list[BaseException | None]:
        batches = calls.batches()
        return await asyncio.gather(
            *(batches.submit(receipt, 60) for receipt in "abc"), return_exceptions=True
        )

    results = run_in_virtual_time(test())
    assert [type(result) for result in results] == [type(None), ReceiptLost, type(None)]
    assert len(calls.made) == 1


def test_what_no_one_retries_is_told_to_all_of_its_call() -> None:
    calls = Calls(ServiceError("AccessDeniedException", "no", 400))

    async def test() -> list[BaseException | None]:
        batches = calls.batches()
        return await asyncio.gather(
            *(batches.submit(receipt, 60) for receipt in "ab"), return_exceptions=True
        )

    assert [getattr(result, "code", None) for result in run_in_virtual_time(test())] == [
        "AccessDeniedException"
    ] * 2
