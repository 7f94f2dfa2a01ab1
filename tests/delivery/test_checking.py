"""What `headwater check` finds in the progress of deliveries."""

from __future__ import annotations

import msgspec

from headwater.delivery.batch_plan import BatchPlan, DeliveryProgress, ShardPlace
from headwater.delivery.checking import check_deliveries
from headwater.storage.interface import Metadata

KEY = "delivery-progress/channel:a"


def faults(progress: DeliveryProgress) -> list[str]:
    return list(check_deliveries({KEY: Metadata(1, msgspec.msgpack.encode(progress))}))


def test_progress_with_and_without_a_plan_is_fine() -> None:
    here, there = {7: ShardPlace(5)}, {7: ShardPlace(9), 8: ShardPlace(3, is_finished=True)}
    progress = DeliveryProgress(here, 3)
    assert faults(progress) == []
    assert faults(progress.planned(1_000, there)) == []
    assert faults(progress.planned(1_000, there).delivered()) == []
    assert progress.planned(1_000, there).delivered() == DeliveryProgress(there, 4)


def test_a_plan_that_cannot_be_is_told() -> None:
    plan = BatchPlan(4, 1_000, {7: ShardPlace(4)})
    assert len(faults(DeliveryProgress({7: ShardPlace(5)}, 3, plan))) == 2
    (text,) = check_deliveries({KEY: Metadata(1, b"\xc1")})
    assert KEY in text
