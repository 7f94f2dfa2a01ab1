"""Records of one size are taken out of a body as what is stored of them; others are left in it."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, NamedTuple

import pytest

from headwater.model.alike_records import ALIKE_MIN
from headwater.model.new_records import NewRecords
from headwater.model.record import LARGE_BYTES
from headwater.wire.record_texts import LARGE_MIN, RECORDS_MAX, records_in, take_records

COMPACT, OF_PYTHON = (",", ":"), (", ", ": ")


def entry(data: bytes, key: str, **more: Any) -> dict[str, Any]:
    return {"Data": b64encode(data).decode(), "PartitionKey": key, **more}


def body_of(entries: list[dict[str, Any]], separators: tuple[str, str] = COMPACT) -> bytes:
    document = {"StreamName": "orders", "Records": entries}
    return json.dumps(document, separators=separators, ensure_ascii=False).encode()


@pytest.mark.parametrize("separators", [COMPACT, OF_PYTHON])
@pytest.mark.parametrize("data_bytes", [1, 2, 3, 100, LARGE_BYTES])
@pytest.mark.parametrize("key", ["k", "key-000001", "}],[{", "a b"])
def test_records_of_one_size_are_taken_as_they_are_stored(
    data_bytes: int, key: str, separators: tuple[str, str]
) -> None:
    datas = [bytes([at]) * data_bytes for at in range(ALIKE_MIN)]
    keys = [f"{at % 10}{key[1:]}" for at in range(ALIKE_MIN)]
    entries = [entry(data, key) for data, key in zip(datas, keys, strict=True)]
    taken = take_records(body_of(entries, separators))
    assert taken is not None
    one_by_one = NewRecords(datas, keys, [None] * ALIKE_MIN)
    for encrypted in (False, True):
        payloads, sizes = taken.records.written(encrypted=encrypted)
        expected, expected_sizes = one_by_one.written(encrypted=encrypted)
        assert (list(payloads), list(sizes)) == (list(expected), list(expected_sizes))
    assert list(taken.records) == list(one_by_one)
    assert list(taken.records.data_bytes()) == [data_bytes] * ALIKE_MIN
    assert list(taken.records.picked([3, 1])) == list(one_by_one.picked([3, 1]))
    assert taken.rest == body_of(entries[:1], separators)


@pytest.mark.parametrize(
    "odd",
    [
        entry(b"xx", "key"),
        entry(b"xxx", "key1"),
        entry(b"xxx", 'k"y'),
        entry(b"xxx", "k\u007fy"),
        entry(b"xxx", "k\u00fc"),
        entry(b"xxx", "key", ExplicitHashKey="1"),
        {"PartitionKey": "key", "Data": "eHh4"},
        {"Data": "eHh-", "PartitionKey": "key"},
        {"Data": "eHh4"},
    ],
    ids=str,
)
def test_where_one_is_not_like_the_others_all_are_left(odd: dict[str, Any]) -> None:
    usual = [entry(b"xxx", "key")] * ALIKE_MIN
    assert take_records(body_of(usual)) is not None
    assert take_records(body_of([*usual, odd])) is None
    assert take_records(body_of([*usual, odd, *usual])) is None


@pytest.mark.parametrize(
    "entries",
    [
        [entry(b"xxx", "key")] * (ALIKE_MIN - 1),
        [entry(b"", "key")] * ALIKE_MIN,
        [entry(b"x" * (LARGE_BYTES + 1), "key")] * ALIKE_MIN,
        [{"Data": "eHB=", "PartitionKey": "key"}] * ALIKE_MIN,
        [{"PartitionKey": "key", "Data": "eHh4"}] * ALIKE_MIN,
        [],
    ],
    ids=["too few", "no data", "large", "a digit that says more than a byte", "the key first", "none"],
)
def test_other_records_are_left(entries: list[dict[str, Any]]) -> None:
    assert take_records(body_of(entries)) is None


@pytest.mark.parametrize("separators", [COMPACT, OF_PYTHON])
def test_large_records_are_taken_whatever_their_sizes(separators: tuple[str, str]) -> None:
    datas = [bytes([at]) * (2 * LARGE_BYTES + at // 3) for at in range(20)] + [b"small"]
    keys = [f"key-{at}" for at in range(20)] + ["}]"]
    body = body_of([entry(data, key) for data, key in zip(datas, keys, strict=True)], separators)
    taken = take_records(body)
    assert taken is not None
    assert list(taken.records) == list(zip(datas, keys, [None] * len(keys), strict=True))
    assert taken.rest == body_of([entry(datas[0], keys[0])], separators)


@pytest.mark.parametrize(
    "odd",
    [
        {"Data": "A" * 2999 + "-", "PartitionKey": "key"},
        {"Data": "A" * 2998 + "B=", "PartitionKey": "key"},
        {"Data": "A" * 2999, "PartitionKey": "key"},
        {"Data": "A" * 3000 + "====", "PartitionKey": "key"},
        {"Data": "A" * 3000, "PartitionKey": "k\\y"},
        {"Data": "A" * 3000},
        {"PartitionKey": "key", "Data": "A" * 3000},
    ],
    ids=["no digit", "not canonical", "too short", "too many pads", "an escape", "no key", "the key first"],
)
def test_where_a_large_one_is_odd_all_are_left(odd: dict[str, Any]) -> None:
    usual = [{"Data": "A" * 3000, "PartitionKey": "key"}] * LARGE_MIN
    assert take_records(body_of(usual)) is not None
    assert take_records(body_of(usual[1:])) is None
    for entries in ([*usual, odd], [usual[0], odd, *usual]):
        assert take_records(body_of(entries)) is None


@pytest.mark.parametrize("data", [b"x" * 24, b"x" * (LARGE_BYTES + 3)], ids=["small", "large"])
def test_more_records_than_a_request_may_have_are_left(data: bytes) -> None:
    assert take_records(body_of([entry(data, "key")] * RECORDS_MAX)) is not None
    assert take_records(body_of([entry(data, "key")] * (RECORDS_MAX + 1))) is None


class Entry(NamedTuple):
    """An entry as it was read."""

    Data: bytes
    PartitionKey: str | None


def entries_of(*records: tuple[bytes, str | None]) -> list[Entry]:
    return [Entry(*record) for record in records]


def test_of_records_of_many_sizes_the_texts_are_what_is_stored() -> None:
    datas = [bytes([at]) * (at % 9) for at in range(ALIKE_MIN)] + [b"x" * LARGE_BYTES]
    keys = [f"key-{at * at}" for at in range(ALIKE_MIN)] + ["}]"]
    written = body_of([entry(data, key) for data, key in zip(datas, keys, strict=True)])
    records = records_in(written, entries_of(*zip(datas, keys, strict=True)))
    assert records is not None
    one_by_one = NewRecords(datas, keys, [None] * len(keys))
    assert list(records) == list(one_by_one)
    assert list(records.data_bytes()) == list(one_by_one.data_bytes())
    assert list(records.picked([5, 2])) == list(one_by_one.picked([5, 2]))
    for encrypted in (False, True):
        found, expected = records.written(encrypted=encrypted), one_by_one.written(encrypted=encrypted)
        assert list(map(list, found)) == list(map(list, expected))


@pytest.mark.parametrize(
    ("odd", "data", "key"),
    [
        (entry(b"x" * (LARGE_BYTES + 1), "key"), b"x" * (LARGE_BYTES + 1), "key"),
        (entry(b"xx", "\u00e4"), b"xx", "\u00e4"),
        (entry(b"xx", 'k"y'), b"xx", 'k"y'),
        (entry(b"xx", "},{"), b"xx", "},{"),
        (entry(b"xx", "key", ExplicitHashKey="1"), b"xx", "key"),
        ({"PartitionKey": "key", "Data": "eHg="}, b"xx", "key"),
        ({"Data": "eHg="}, b"xx", None),
    ],
    ids=[
        "large",
        "not ASCII",
        "a quote",
        "like what is between records",
        "a hash key",
        "key first",
        "no key",
    ],
)
def test_where_one_is_written_otherwise_all_are_written_anew(
    odd: dict[str, Any], data: bytes, key: str | None
) -> None:
    usual, records = [entry(b"x", "k")] * ALIKE_MIN, [(b"x", "k")] * ALIKE_MIN
    assert records_in(body_of(usual), entries_of(*records)) is not None
    assert records_in(body_of([*usual, odd]), entries_of(*records, (data, key))) is None
    assert records_in(body_of(usual, OF_PYTHON), entries_of(*records)) is None
    assert records_in(body_of(usual[1:]), entries_of(*records[1:])) is None
