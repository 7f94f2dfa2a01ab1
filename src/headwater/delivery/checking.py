"""Holds what a store has of deliveries against what can be read.

Nothing is changed, and nothing needs a running server. Refuses to know what is delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from headwater.delivery.batch_plan import DeliveryProgress
from headwater.delivery.progress import PROGRESS_KEY, decode_progress
from headwater.storage.interface import Metadata, StoreUnreadable

KINDS = (PROGRESS_KEY,)


def check_deliveries(metadata: Mapping[str, Metadata]) -> Iterator[str]:
    """What is wrong with the progress of deliveries, in plain words."""
    for key, found in metadata.items():
        if key.partition("/")[0] != PROGRESS_KEY:
            continue
        try:
            progress = decode_progress(key, found.value)
        except StoreUnreadable as error:
            yield str(error)
        else:
            yield from _faults(key, progress)


def _faults(key: str, progress: DeliveryProgress) -> Iterator[str]:
    plan = progress.plan
    if plan is None:
        return
    if plan.number != progress.next_number:
        yield f"{key}: its next batch has the number {progress.next_number}, and the plan {plan.number}"
    for log_id, place in progress.places.items():
        then = plan.places.get(log_id)
        if then is not None and then.position < place.position:
            yield f"{key}: its plan ends before it begins in the log {log_id}"
