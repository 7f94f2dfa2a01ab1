"""Lists of many records on their way into an answer.

Everything else in an answer is a plain value. These lists are long, so they travel
in the shape in which they were found, and each wire format writes them in the fastest
way it has: `documents` is the list as plain values, which is always right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from headwater.model.instant import Instant
from headwater.model.record import Payload, decode_payloads, size_of_all
from headwater.model.written_runs import RunKey, WrittenRuns


class NumberedRun(NamedTuple):
    """Records that follow one another in a shard and arrived at the same time."""

    sequence_numbers: range
    arrival_ms: int
    payloads: Sequence[Payload]


class RecordList:
    """The shape `RecordList`: records in the order of their shard."""

    __slots__ = ("_log_id", "_written", "runs")

    def __init__(
        self, runs: Sequence[NumberedRun], log_id: int = 0, written: WrittenRuns | None = None
    ) -> None:
        """They are of one log, and what is written of them is kept in `written`."""
        self.runs = runs
        self._log_id = log_id
        self._written = written

    def __len__(self) -> int:
        return sum([len(run.payloads) for run in self.runs])

    def text(self, run: NumberedRun, form: str, write: Callable[[NumberedRun], bytes]) -> bytes:
        """What `write` gives for one of the runs in a format, now or for another reader."""
        if self._written is None:
            return write(run)
        return self._written.text(self._key(run, form), partial(write, run), run.payloads)

    def kept_text(self, run: NumberedRun, form: str) -> bytes | None:
        """The same if it is kept."""
        return None if self._written is None else self._written.kept(self._key(run, form))

    def _key(self, run: NumberedRun, form: str) -> RunKey:
        numbers = run.sequence_numbers
        return form, self._log_id, numbers[0], len(numbers)

    def size(self) -> int:
        """Data and keys of all records, in bytes."""
        return sum([size_of_all(run.payloads) for run in self.runs])

    def documents(self) -> list[dict[str, Any]]:
        """A dict for each record."""
        described = []
        for sequence_numbers, arrival_ms, payloads in self.runs:
            for number, record in zip(sequence_numbers, decode_payloads(payloads), strict=True):
                document: dict[str, Any] = {
                    "SequenceNumber": str(number),
                    "ApproximateArrivalTimestamp": Instant(arrival_ms),
                    "Data": record.data,
                }
                if record.partition_key is not None:
                    document["PartitionKey"] = record.partition_key
                if record.encryption_type is not None:
                    document["EncryptionType"] = record.encryption_type
                described.append(document)
        return described


class ReceivedRecord(NamedTuple):
    """A record of a queue as a receiver gets it."""

    receipt_handle: str
    record_id: str
    payload: Payload
    arrival_ms: int
    first_receive_ms: int
    receives: int


class QueueRecordList:
    """The shape `QueueRecordList`: records that were received from a queue."""

    __slots__ = ("received",)

    def __init__(self, received: Sequence[ReceivedRecord]) -> None:
        self.received = received

    def __len__(self) -> int:
        return len(self.received)

    def documents(self) -> list[dict[str, Any]]:
        """A dict for each record."""
        described = []
        decoded = decode_payloads([received.payload for received in self.received])
        for received, record in zip(self.received, decoded, strict=True):
            document: dict[str, Any] = {
                "ReceiptHandle": received.receipt_handle,
                "RecordId": received.record_id,
                "ApproximateArrivalTimestamp": Instant(received.arrival_ms),
                "FirstReceiveTimestamp": Instant(received.first_receive_ms),
                "ReceiveCount": received.receives,
                "Data": record.data,
            }
            if record.partition_key is not None:
                document["PartitionKey"] = record.partition_key
            described.append(document)
        return described


Placement: TypeAlias = tuple[str, str | None]
"""Where a record was stored: shard id and sequence number. `None`: nowhere, the shard's rate is used up."""


class PlacementList:
    """The shape `PutRecordsResultEntryList` of records that were all stored: their placements, by columns."""

    __slots__ = ("sequence_numbers", "shard_ids")

    def __init__(self, shard_ids: list[str], sequence_numbers: list[str | None]) -> None:
        self.shard_ids = shard_ids
        self.sequence_numbers = sequence_numbers

    def __len__(self) -> int:
        return len(self.shard_ids)

    def __iter__(self) -> Iterator[Placement]:
        return zip(self.shard_ids, self.sequence_numbers, strict=True)

    def documents(self) -> list[dict[str, str | None]]:
        """A dict for each record."""
        return [
            {"SequenceNumber": sequence_number, "ShardId": shard_id} for shard_id, sequence_number in self
        ]
