"""Records with as much data each are taken out of a body in CBOR as what is stored; others are left."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.model.alike_records import ALIKE_MIN
from headwater.model.new_records import NewRecords
from headwater.model.record import LARGE_BYTES
from headwater.wire import cbor_format
from headwater.wire.cbor_columns import take_records
from headwater.wire.record_texts import RECORDS_MAX


def cbor_of(document: dict[str, Any], *, is_open: bool) -> bytes:
    """The document in CBOR; with maps and lists of indefinite length, as Java's clients write it."""
    body = bytes(cbor_format.encode(document))
    if not is_open:
        return body
    entries = [bytes(cbor_format.encode(each)) for each in document["Records"]]
    opened = b"".join(b"\xbf" + each[1:] + b"\xff" for each in entries)
    head = bytes(cbor_format.encode({**document, "Records": []}))
    return b"\xbf" + head[1:-1] + b"\x9f" + opened + b"\xff\xff"


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("count", [ALIKE_MIN, 255, 256, 500])
@pytest.mark.parametrize("data_bytes", [24, 100, 256, LARGE_BYTES])
@pytest.mark.parametrize("key", ["k", "key-000001", "k" * 30])
def test_records_of_one_size_in_cbor_are_taken_as_they_are_stored(
    data_bytes: int, key: str, count: int, is_open: bool
) -> None:
    datas = [bytes([at % 256]) * data_bytes for at in range(count)]
    keys = [f"{at % 10}{key[1:]}" for at in range(count)]
    entries = [{"Data": data, "PartitionKey": key} for data, key in zip(datas, keys, strict=True)]
    taken = take_records(cbor_of({"StreamName": "orders", "Records": entries}, is_open=is_open))
    assert taken is not None
    payloads, sizes = taken.records.written(encrypted=False)
    expected, expected_sizes = NewRecords(datas, keys, [None] * count).written(encrypted=False)
    assert (list(payloads), list(sizes)) == (list(expected), list(expected_sizes))
    assert cbor_format.decode(taken.rest) == {"StreamName": "orders", "Records": entries[:1]}


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("count", [ALIKE_MIN, 255, 256, 500])
def test_records_in_cbor_are_taken_with_keys_of_several_lengths(count: int, is_open: bool) -> None:
    datas = [bytes([at % 256]) * 100 for at in range(count)]
    keys = [f"key-{at}" for at in range(count)]
    entries = [{"Data": data, "PartitionKey": key} for data, key in zip(datas, keys, strict=True)]
    taken = take_records(cbor_of({"StreamName": "orders", "Records": entries}, is_open=is_open))
    assert taken is not None
    found, expected = (
        records.written(encrypted=False)
        for records in (taken.records, NewRecords(datas, keys, [None] * count))
    )
    assert list(map(list, found)) == list(map(list, expected))
    assert cbor_format.decode(taken.rest) == {"StreamName": "orders", "Records": entries[:1]}


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize(
    "odd",
    [
        {"Data": b"x" * 25, "PartitionKey": "key"},
        {"Data": b"x" * 24, "PartitionKey": "k" * 24},
        {"Data": b"x" * 24, "PartitionKey": ""},
        {"Data": b"\x6cPartitionKey" + b"x" * 11, "PartitionKey": "key1"},
        {"Data": b"x" * 24, "PartitionKey": 'k"y'},
        {"Data": b"x" * 24, "PartitionKey": "k\u00e4"},
        {"Data": b"x" * 24},
    ],
    ids=str,
)
def test_where_one_in_cbor_is_not_like_the_others_all_are_left(odd: dict[str, Any], is_open: bool) -> None:
    usual = [{"Data": b"x" * 24, "PartitionKey": "key"}] * ALIKE_MIN
    assert take_records(cbor_of({"Records": usual}, is_open=is_open)) is not None
    left = take_records(cbor_of({"Records": [*usual[1:], odd]}, is_open=is_open))
    assert left is None


@pytest.mark.parametrize("is_open", [False, True])
def test_more_records_than_a_request_may_have_are_left(is_open: bool) -> None:
    record = {"Data": b"x" * 24, "PartitionKey": "key"}
    assert take_records(cbor_of({"Records": [record] * RECORDS_MAX}, is_open=is_open)) is not None
    assert take_records(cbor_of({"Records": [record] * (RECORDS_MAX + 1)}, is_open=is_open)) is None
