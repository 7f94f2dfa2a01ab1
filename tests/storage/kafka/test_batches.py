"""Record batches: what is built is read back, and what is none of ours is refused."""

from __future__ import annotations

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from headwater.model.cut_payloads import lengths_of, size_at_most, size_in_all
from headwater.storage.kafka.batches import (
    FENCE_EPOCH,
    DamagedBatch,
    batches,
    build,
    payloads_of,
    sequence_after,
)
from headwater.storage.kafka.checksum import checksum

GZIP = 1
SIZES = [0, 1, 57, 58, 63, 64, 121, 122, 8_190, 8_193, 1_023, 1_024, 70_000]


def built_by_aiokafka(payloads: list[bytes], time_ms: int) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, 7, 3, 11, 1 << 24)
    for at, payload in enumerate(payloads):
        builder.append(at, time_ms, None, payload, [])
    return bytes(builder.build())


def test_a_batch_is_read_back() -> None:
    data = build(7, 3, 11, [b"one", b"", b"three"]) + build(8, 0, 0, [b"x" * 100_000])
    first, second = batches(data)
    assert (first.producer_id, first.epoch, first.sequence, first.records) == (7, 3, 11, 3)
    assert list(payloads_of(first)) == [b"one", b"", b"three"]
    assert list(payloads_of(second)) == [b"x" * 100_000]


@pytest.mark.parametrize("count", [1, 64, 65, 512, 513, 9_000])
@pytest.mark.parametrize("time_ms", [0, 1_700_000_000_000])
def test_a_batch_has_the_bytes_that_kafkas_client_gives_it(count: int, time_ms: int) -> None:
    for sizes in ([57], SIZES[:7], SIZES if count < 600 else SIZES[:7]):
        payloads = [b"x" * sizes[at % len(sizes)] for at in range(count)]
        assert build(7, 3, 11, payloads, time_ms) == built_by_aiokafka(payloads, time_ms)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 1_000, 100_003])
def test_a_checksum_is_kafkas(size: int) -> None:
    data = bytes(at * at % 251 for at in range(size))
    assert checksum(data) == calc_crc32c(data)


def test_a_batch_that_is_cut_off_is_left_out() -> None:
    whole = build(7, 0, 0, [b"one"])
    for length in range(len(whole), 2 * len(whole)):
        assert len(list(batches((whole + whole)[:length]))) == 1


def test_a_fence_is_known_by_its_epoch() -> None:
    fence, record = batches(build(7, FENCE_EPOCH, 0, [b"fence"]) + build(7, FENCE_EPOCH - 1, 0, [b"record"]))
    assert fence.is_fence
    assert not record.is_fence


def test_a_batch_that_was_changed_is_refused() -> None:
    data = bytearray(build(7, 0, 0, [b"one"]))
    data[-2] ^= 1
    (batch,) = batches(bytes(data))
    with pytest.raises(DamagedBatch, match="checksum"):
        payloads_of(batch)


def test_payloads_are_cut_out_when_one_is_wanted() -> None:
    whole = build(7, 0, 0, [b"one", b"", b"three"])
    (batch,) = batches(whole)
    payloads = payloads_of(batch)
    assert (len(payloads), payloads.size_at_most) == (3, len(whole) - 61)
    assert "cut" not in vars(payloads)
    assert (payloads[2], payloads[:2], list(payloads)) == (b"three", [b"one", b""], [b"one", b"", b"three"])
    assert (lengths_of(payloads), size_in_all(payloads), size_at_most(payloads)) == (
        (3, 0, 5),
        8,
        len(whole) - 61,
    )


def test_a_compressed_batch_is_cut_at_once() -> None:
    builder = DefaultRecordBatchBuilder(2, GZIP, 0, 7, 3, 11, 1 << 24)
    for at in range(20):
        builder.append(at, timestamp=0, key=None, value=b"x" * 100, headers=[])
    (batch,) = batches(bytes(builder.build()))
    payloads = payloads_of(batch)
    assert (payloads.size_at_most, list(payloads)) == (2_000, [b"x" * 100] * 20)


def test_a_batch_that_has_fewer_records_than_it_says_is_refused() -> None:
    data = bytearray(build(7, 0, 0, [b"one", b"two"]))
    data[26] += 1  # the number of its last record
    data[60] += 1  # how many it has
    data[17:21] = checksum(bytes(data[21:])).to_bytes(4, "big")
    (batch,) = batches(bytes(data))
    with pytest.raises((DamagedBatch, CorruptRecordException)):
        list(payloads_of(batch))


@pytest.mark.parametrize(
    ("at", "value"), [(16, 1), (22, 0x20)], ids=["an older format", "a transaction's marker"]
)
def test_what_another_program_has_written_is_refused(at: int, value: int) -> None:
    data = bytearray(build(7, 0, 0, [b"one"]))
    data[at] = value
    with pytest.raises(DamagedBatch):
        list(batches(bytes(data)))


def test_sequences_go_on_with_0_after_the_last() -> None:
    assert sequence_after(5, 3) == 8
    assert sequence_after(2**31 - 2, 3) == 1
