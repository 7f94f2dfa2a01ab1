"""The bytes of record batches, format 2 of Kafka's: how records and fences are written and read.

A batch holds the records that were appended together; they have one arrival, the one that the
partition's leader stamps it with. A fence is a batch with the highest epoch that a producer can have:
after it, the leader refuses everything that this producer sends. Readers skip it.

They are built here as every put pays for them: aiokafka's builder takes the checksum without the processor's
instruction for it, half of its time. What comes before a record follows from its size and its number, so that
it is made once.

Refuses to know connections, and what is in a record.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, overload

from aiokafka.record.default_records import DefaultRecordBatch

from headwater.model.cut_payloads import LatePayloads
from headwater.storage.kafka.checksum import checksum

FENCE_EPOCH = 32_767
EPOCH_MAX = FENCE_EPOCH - 1
"""The last epoch that a gateway uses itself."""
SEQUENCES = 2**31
"""They go on with 0 after the last."""

_HEAD = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, checksum, attributes, last offset delta, first and last time,
producer id, producer epoch, base sequence, number of records."""
_UNCHECKED, _CHECKED = struct.Struct(">qiibI"), struct.Struct(">hiqqqhii")
"""Its parts: the checksum is of what comes after itself."""
_CHECKSUM = struct.Struct(">I")
_LENGTH_END = 12
"""The length counts what comes after itself."""
_ATTRIBUTES = struct.Struct(">h")
_CONTROL, _COMPRESSED = 0x20, 0x07
_KEPT_BYTES, _KEPT_RECORDS = 1024, 512
"""Heads are kept for smaller records, and so many of a batch: some 20 MB if there are all sizes."""


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
    count = len(payloads)
    parts = [_NO_HEADERS] * (1 + 3 * count)
    parts[0] = _CHECKED.pack(0, count - 1, time_ms, time_ms, producer_id, epoch, sequence, count)
    parts[1::3] = _heads_of(payloads)
    parts[2::3] = payloads
    checked = b"".join(parts)
    length = _UNCHECKED.size - _LENGTH_END + len(checked)
    return _UNCHECKED.pack(0, length, -1, 2, checksum(checked)) + checked


_NO_HEADERS = b"\0"
"""What ends a record."""
_kept_heads: defaultdict[int, list[bytes]] = defaultdict(list)
"""By the size of the payload; as many as batches had records."""


def _heads_of(payloads: Sequence[bytes]) -> list[bytes]:
    """What comes before each payload of a batch."""
    sizes = list(map(len, payloads))
    if len(sizes) > _KEPT_RECORDS or max(sizes, default=0) >= _KEPT_BYTES:
        return [_head(at, size) for at, size in enumerate(sizes)]
    for size in set(sizes):
        heads = _kept_heads[size]
        heads += [_head(at, size) for at in range(len(heads), len(sizes))]
    return [_kept_heads[size][at] for at, size in enumerate(sizes)]


def _head(at: int, size: int) -> bytes:
    """Length, attributes, time after the batch's, number in the batch, no key, length of the payload."""
    rest = b"\0\0" + _varint(at) + b"\1" + _varint(size)
    return _varint(len(rest) + size + len(_NO_HEADERS)) + rest


def _varint(number: int) -> bytes:
    """A number that is not negative, as records have it: doubled, seven bits a byte, the last ones first."""
    left, encoded = 2 * number, bytearray()
    while left > 127:
        encoded.append(left & 127 | 128)
        left >>= 7
    encoded.append(left)
    return bytes(encoded)


def batches(data: bytes | memoryview) -> Iterator[RecordBatch]:
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


class BatchPayloads(LatePayloads):
    """The payloads of a batch whose checksum is right, cut out of it once one is wanted."""

    def __init__(self, batch: RecordBatch) -> None:
        self._batch = batch
        self.size_at_most = len(batch.data) - _HEAD.size

    def __len__(self) -> int:
        return self._batch.records

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.cut)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        return self.cut[at]

    @cached_property
    def cut(self) -> list[bytes]:
        """All of them. Raises `DamagedBatch` if they are not as many as the batch says."""
        batch = self._batch
        payloads = [record.value for record in DefaultRecordBatch(bytes(batch.data))]
        if len(payloads) != batch.records:
            raise DamagedBatch(f"the batch at position {batch.position} has lost records")
        self._batch = batch._replace(data=memoryview(b""))
        return payloads

    @cached_property
    def lengths(self) -> tuple[int, ...]:  # type: ignore[override]  # it is found late
        """Of each of them, in bytes."""
        return tuple(map(len, self.cut))

    @cached_property
    def size(self) -> int:  # type: ignore[override]  # it is found late
        """Of all, in bytes."""
        return sum(self.lengths)


def payloads_of(batch: RecordBatch) -> BatchPayloads:
    """The records of a batch. Raises `DamagedBatch`."""
    data = batch.data
    (expected,) = _CHECKSUM.unpack_from(data, _UNCHECKED.size - _CHECKSUM.size)
    if checksum(bytes(data[_UNCHECKED.size :])) != expected:
        raise DamagedBatch(f"the batch at position {batch.position} does not match its checksum")
    payloads = BatchPayloads(batch)
    (attributes,) = _ATTRIBUTES.unpack_from(data, _UNCHECKED.size)
    if attributes & _COMPRESSED:
        payloads.size_at_most = payloads.size
    return payloads


def sequence_after(sequence: int, count: int) -> int:
    """The sequence number of the record behind so many."""
    return (sequence + count) % SEQUENCES


class Extract(NamedTuple):
    """What was fetched of a log, and where the log began and ended."""

    data: bytes | memoryview
    first: int
    end: int
