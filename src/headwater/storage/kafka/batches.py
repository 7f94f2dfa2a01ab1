"""The bytes of record batches, format 2 of Kafka's: how records and fences are written and read.

A batch holds the records that were appended together; they have one arrival, the one that the
partition's leader stamps it with. A fence is a batch with the highest epoch that a producer can have:
after it, the leader refuses everything that this producer sends. Readers skip it.

Refuses to know connections, and what is in a record.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

FENCE_EPOCH = 32_767
EPOCH_MAX = FENCE_EPOCH - 1
"""The last epoch that a gateway uses itself."""
SEQUENCES = 2**31
"""They go on with 0 after the last."""

_HEAD = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, checksum, attributes, last offset delta, first and last time,
producer id, producer epoch, base sequence, number of records."""
_LENGTH_END = 12
"""The length counts what comes after itself."""
_CONTROL = 0x20


class DamagedBatch(Exception):
    """A batch does not match its checksum, or is none of ours."""


class RecordBatch(NamedTuple):
    """A batch that was read, its records not looked at yet."""

    position: int
    records: int
    time_ms: int
    producer_id: int
    epoch: int
    sequence: int
    data: memoryview

    @property
    def next(self) -> int:
        """The position behind it."""
        return self.position + self.records

    @property
    def is_fence(self) -> bool:
        """Whether it closes the log for its producer, and has no records of anybody's."""
        return self.epoch == FENCE_EPOCH


def build(producer_id: int, epoch: int, sequence: int, payloads: Sequence[bytes], time_ms: int = 0) -> bytes:
    """A batch of these records, not compressed. Their time counts in a topic that takes it."""
    size = sum(map(len, payloads)) + 40 * len(payloads) + 100
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
        batch_size=size,
    )
    append = builder.append
    for at, payload in enumerate(payloads):
        append(at, time_ms, None, payload, [])
    return bytes(builder.build())


def batches(data: bytes) -> Iterator[RecordBatch]:
    """The whole batches in what was fetched; the last one may be cut off, and is left out.

    Raises `DamagedBatch`.
    """
    view, at = memoryview(data), 0
    while at + _HEAD.size <= len(data):
        head = _HEAD.unpack_from(data, at)
        position, length, _, magic, _, attributes, last_delta, _, time_ms = head[:9]
        producer_id, epoch, sequence = head[9:12]
        end = at + _LENGTH_END + length
        if end > len(data):
            return
        if magic != 2 or attributes & _CONTROL:
            raise DamagedBatch(f"the batch at position {position} is none of Headwater's")
        yield RecordBatch(position, last_delta + 1, time_ms, producer_id, epoch, sequence, view[at:end])
        at = end


def payloads_of(batch: RecordBatch) -> list[bytes]:
    """The records of a batch. Raises `DamagedBatch`."""
    read = DefaultRecordBatch(bytes(batch.data))
    if not read.validate_crc():
        raise DamagedBatch(f"the batch at position {batch.position} does not match its checksum")
    payloads = [record.value for record in read]
    if len(payloads) != batch.records:
        raise DamagedBatch(f"the batch at position {batch.position} has lost records")
    return payloads


def sequence_after(sequence: int, count: int) -> int:
    """The sequence number of the record behind so many."""
    return (sequence + count) % SEQUENCES


class Extract(NamedTuple):
    """What was fetched of a log, and where the log began and ended."""

    data: bytes
    first: int
    end: int
