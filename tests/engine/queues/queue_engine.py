"""An engine with a queue, and what its tests do with it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from headwater.engine.queues.counting import QueueTotals
from headwater.model.clock import ManualClock
from headwater.storage.interface import Post, Store
from headwater.storage.memory_store import MemoryStore
from headwater.storage.open_store import open_store
from tests.engine.running_engine import CALLER, RunningEngine


class QueueEngine(RunningEngine):
    """One on-demand stream `orders` with a queue `work`, which begins at the stream's first record."""

    def __init__(self, open_store: Callable[[Post], Store] = MemoryStore, **attributes: Any) -> None:
        super().__init__(open_store, ManualClock())
        self.call("CreateStream", StreamName="orders", StreamModeDetails={"StreamMode": "ON_DEMAND"})
        summary = self.call("DescribeStreamSummary", StreamName="orders")["StreamDescriptionSummary"]
        self.stream_arn: str = summary["StreamARN"]
        self.arn = self.create_queue("work", QueueAttributes=attributes)

    def create_queue(self, name: str, **members: Any) -> str:
        """The ARN of a queue from the first record on."""
        start = {"StreamARN": self.stream_arn, "StartingPosition": {"Type": "TRIM_HORIZON"}}
        answer = self.call("CreateQueue", QueueName=name, StreamConfigurationList=[start], **members)
        arn: str = answer["QueueDescription"]["QueueARN"]
        return arn

    def put(self, *texts: str) -> None:
        """One call with these records, each its own key."""
        records = [{"Data": base64.b64encode(text.encode()).decode(), "PartitionKey": text} for text in texts]
        self.call("PutRecords", StreamName="orders", Records=records)

    def receive(self, operation: str = "ReceiveQueueRecords", **members: Any) -> list[dict[str, Any]]:
        """What a receive gives. Time passes when there is nothing."""
        members = {"QueueARN": self.arn, "WaitTimeSeconds": 1, **members}
        records: list[dict[str, Any]] = self.call(operation, **members)["QueueRecords"]
        return records

    def dead_letters(self, **members: Any) -> list[dict[str, Any]]:
        """What a receive of dead letters gives."""
        return self.receive("ReceiveDeadLetterQueueRecords", **members)

    def drain(self, operation: str = "ReceiveQueueRecords") -> list[str]:
        """The texts of everything that can be received now, in order."""
        found: list[str] = []
        while records := self.receive(operation):
            found += [text_of(record) for record in records]
        return sorted(found)

    def settle(self, operation: str, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The answer of an operation on receipts."""
        entries = [{"ReceiptHandle": record["ReceiptHandle"]} for record in records]
        return self.call(operation, QueueARN=self.arn, Entries=entries)

    def acknowledge(self, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Acknowledge records, ten at most."""
        return self.settle("AcknowledgeQueueRecords", records)

    def totals(self) -> QueueTotals:
        """What has become of the queue's records since its engine began."""
        live = self.engine.queues.at_work(CALLER, self.arn)
        assert live is not None
        return live.totals()

    def progress_keys(self) -> list[str]:
        """What the store has of queues."""
        self.inbox.run_posted()
        return sorted(key for key in self.engine.store.metadata() if key.startswith("queue/"))


def text_of(record: dict[str, Any]) -> str:
    """The data of a record that the engine gave, which is bytes."""
    data: bytes = record["Data"]
    return data.decode()


def on_disk(folder: Path) -> Callable[[Post], Store]:
    """Opens the synced store in a folder."""
    return partial(_open, folder)


def _open(folder: Path, post: Post) -> Store:
    opened = open_store(folder, post, log_error=print, post_from_thread=post)
    return opened.store
