"""Long lists of records are written as their documents would be, only faster."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from headwater.model.alike_records import ALIKE_MIN
from headwater.model.cut_payloads import CutPayloads, ReadBlock
from headwater.model.record import LARGE_BYTES, encode_payload
from headwater.model.record_list import (
    NumberedRun,
    PlacementList,
    QueueRecordList,
    ReceivedRecord,
    RecordList,
)
from headwater.model.sequence_number import MANY
from headwater.wire import cbor_format, json_format
from headwater.wire.long_body import LongBody, parts_of

data = st.binary(max_size=40) | st.binary(min_size=LARGE_BYTES - 1, max_size=LARGE_BYTES + 3)
payloads = st.builds(
    lambda data, key, encrypted: encode_payload(data, key, encrypted=encrypted),
    data,
    st.none() | st.text(max_size=10),
    st.booleans(),
)
runs = st.builds(
    lambda first, arrival_ms, payloads: NumberedRun(
        range(first, first + (len(payloads) << 80), 1 << 80), arrival_ms, payloads
    ),
    st.integers(2 << 184, 3 << 184),
    st.integers(0, 2**48),
    st.lists(payloads, min_size=1, max_size=5),
)


@pytest.mark.parametrize("wire_format", [json_format, cbor_format])
@given(
    runs=st.lists(runs, max_size=4),
    others=st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 9)),
)
def test_records(wire_format: Any, runs: list[NumberedRun], others: dict[str, int]) -> None:
    records = RecordList(runs)
    documents = records.documents()
    assert len(records) == len(documents)
    written = wire_format.decode(wire_format.encode(others | {"Records": records}))
    assert written == wire_format.decode(wire_format.encode(others | {"Records": documents}))


received_records = st.builds(
    ReceivedRecord,
    st.text("ABCabc019+/=", min_size=1, max_size=10),
    st.text("0123456789abcdef", min_size=32, max_size=32),
    payloads,
    st.integers(0, 2**48),
    st.integers(0, 2**48),
    st.integers(1, 2**31),
)


@pytest.mark.parametrize("wire_format", [json_format, cbor_format])
@given(received=st.lists(received_records, max_size=10))
def test_records_of_a_queue(wire_format: Any, received: list[ReceivedRecord]) -> None:
    records = QueueRecordList(received)
    documents = records.documents()
    assert len(records) == len(documents)
    written = wire_format.decode(wire_format.encode({"QueueRecords": records}))
    assert written == wire_format.decode(wire_format.encode({"QueueRecords": documents}))


def test_a_record_of_a_queue_says_nothing_of_encryption() -> None:
    key = '","EncryptionType":"KMS'
    for size in (1, LARGE_BYTES + 1):
        for encrypted in (False, True):
            payload = encode_payload(bytes(size), key, encrypted=encrypted)
            records = QueueRecordList([ReceivedRecord("handle", "id", payload, 1, 2, 1)])
            (record,) = json_format.decode(json_format.encode({"QueueRecords": records}))["QueueRecords"]
            assert record["PartitionKey"] == key
            assert "EncryptionType" not in record


plain_payloads = st.builds(
    lambda data, key: encode_payload(data, key, encrypted=False),
    data | st.binary(min_size=250, max_size=260),
    st.text(min_size=1, max_size=10) | st.text("ä€", min_size=80, max_size=130),
)


@given(st.lists(plain_payloads, min_size=1, max_size=5))
def test_plain_records_in_cbor_are_byte_for_byte_their_documents(payloads: list[bytes]) -> None:
    records = RecordList(
        [NumberedRun(range(2 << 184, (2 << 184) + len(payloads)), 1_700_000_000_123, payloads)]
    )
    assert cbor_format.encode({"Records": records}) == cbor_format.encode({"Records": records.documents()})


@pytest.mark.parametrize("wire_format", [json_format, cbor_format])
@pytest.mark.parametrize("record_bytes", [60, 100, 10_000])
@pytest.mark.parametrize("run_records", [1, 13, 1000])
@pytest.mark.parametrize("all_bytes", [150_000, pytest.param(600_000, marks=pytest.mark.long)])
def test_a_long_answer_is_left_in_few_parts(
    wire_format: Any, record_bytes: int, run_records: int, all_bytes: int
) -> None:
    payload = encode_payload(bytes(record_bytes), "key", encrypted=False)
    runs = [
        NumberedRun(range(2 << 184, (2 << 184) + run_records), at, [payload] * run_records)
        for at in range(all_bytes // (run_records * record_bytes) + 1)
    ]
    records = RecordList(runs)
    answer = {"Records": records, "MillisBehindLatest": 0}
    body = wire_format.encode_body(answer)
    assert isinstance(body, LongBody)
    assert wire_format.decode(bytes(body)) == wire_format.decode(
        wire_format.encode({"Records": records.documents(), "MillisBehindLatest": 0})
    )
    assert len(body) == len(bytes(body)) == len(wire_format.encode(answer))
    assert len(list(parts_of(body))) < 40


@pytest.mark.parametrize("wire_format", [json_format, cbor_format])
@given(
    first=st.integers(2 << 184, 3 << 184),
    arrival_ms=st.sampled_from([0x25, 0x2525, 1_700_000_000_123, 1_700_000_000_000]),
    sizes=st.lists(st.sampled_from([0, 23, 24, 0x25, 255, 256, LARGE_BYTES + 1]), min_size=1, max_size=3),
    keys=st.lists(st.text('%bd"\\ä', min_size=1, max_size=40), min_size=1, max_size=3),
    encrypted=st.booleans(),
    count=st.sampled_from([MANY + 3, ALIKE_MIN + 3]),
)
@settings(max_examples=100)
def test_many_records_are_byte_for_byte_what_they_are_one_by_one(
    wire_format: Any,
    first: int,
    arrival_ms: int,
    sizes: list[int],
    keys: list[str],
    encrypted: bool,
    count: int,
) -> None:
    payloads = [
        encode_payload(bytes(size), keys[at % len(keys)], encrypted=encrypted and at == 5)
        for at, size in enumerate(islice(cycle(sizes), count))
    ]
    numbers = range(first, first + (len(payloads) << 80), 1 << 80)
    alone = [NumberedRun(numbers[at : at + 1], arrival_ms, [payload]) for at, payload in enumerate(payloads)]
    together = wire_format.encode({"Records": RecordList([NumberedRun(numbers, arrival_ms, payloads)])})
    assert together == wire_format.encode({"Records": RecordList(alone)})


@pytest.mark.parametrize("wire_format", [json_format, cbor_format])
@given(
    first=st.integers(2 << 184, 3 << 184),
    sizes=st.lists(
        st.sampled_from([0, 100, LARGE_BYTES, LARGE_BYTES + 1, 1500, 9000]), min_size=1, max_size=3
    ),
    keys=st.lists(st.none() | st.text('%d"\\ä', min_size=1, max_size=4), min_size=1, max_size=2),
    encrypted=st.booleans(),
    count=st.sampled_from([1, 7, 40]),
)
@settings(max_examples=40)
def test_blocks_of_records_are_byte_for_byte_what_they_are_one_by_one(
    wire_format: Any,
    first: int,
    sizes: list[int],
    keys: list[str | None],
    encrypted: bool,
    count: int,
) -> None:
    payloads = [
        encode_payload(bytes([at]) * sizes[at % len(sizes)], keys[at % len(keys)], encrypted=encrypted)
        for at in range(count)
    ]
    block = CutPayloads(ReadBlock(b"head" + b"".join(payloads)), 4, tuple(map(len, payloads)))
    runs = [
        NumberedRun(range(number, number + (count << 80), 1 << 80), 1_700_000_000_123, block)
        for number in (first, first + (count << 80))
    ]
    alone = [
        NumberedRun(numbers[at : at + 1], arrival_ms, [payload])
        for numbers, arrival_ms, _ in runs
        for at, payload in enumerate(payloads)
    ]
    body = wire_format.encode_body({"Records": RecordList(runs)})
    assert bytes(body) == wire_format.encode({"Records": RecordList(alone)})
    assert len(body) == len(bytes(body))


@pytest.mark.parametrize("wire_format", [json_format, cbor_format])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_placements(wire_format: Any, count: int) -> None:
    placements = PlacementList(
        [f"shardId-{at:012}" for at in range(count)], [str((2 << 184) + at) for at in range(count)]
    )
    documents = placements.documents()
    assert len(placements) == len(documents) == count
    written = wire_format.decode(wire_format.encode({"FailedRecordCount": 0, "Records": placements}))
    assert written == wire_format.decode(wire_format.encode({"FailedRecordCount": 0, "Records": documents}))
