"""Records of one size are read together as they are one by one, or left."""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
import pytest
from hypothesis import given

from headwater.model.alike_records import ALIKE_MIN, alike_records, encode_alike
from headwater.model.record import ENCRYPTED, LARGE_BYTES, decode_payloads, encode_payload, encode_payloads

CHARACTERS = st.sampled_from([*'aD",:P\\=', "ä", '","PartitionKey":"', '","P', "Data", ENCRYPTED.decode()])

PLAIN = ["ab%", "", "key-12"]
"""Keys without escapes."""


def payloads_of(records: Sequence[tuple[bytes, str | None, bool]]) -> list[bytes]:
    return [encode_payload(data, key, encrypted=encrypted) for data, key, encrypted in records]


@pytest.mark.parametrize("data_bytes", [1, 2, 3, 100, 254, 700])
@pytest.mark.parametrize("key", ["k", "key-000001", '"EncryptionType":"KMS'.replace('"', "'"), "x" * 60])
def test_records_of_one_size_are_read_together(data_bytes: int, key: str) -> None:
    records = [(bytes([at]) * data_bytes, f"{at:0{len(key)}}"[: len(key)]) for at in range(ALIKE_MIN)]
    alike = alike_records(payloads_of([(data, key, False) for data, key in records]))
    assert alike is not None
    assert [(data, key.decode()) for data, key in zip(*alike, strict=True)] == records


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=4),
            st.none() | st.lists(CHARACTERS, max_size=4).map("".join),
            st.booleans(),
        ),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 40),
)
def test_what_is_read_together_is_what_it_is_one_by_one(
    kinds: list[tuple[bytes, str | None, bool]], data_bytes: int
) -> None:
    """All are as long as the longest: shorter ones get more data, or a longer key."""
    filled = [(data.ljust(data_bytes, b"x"), key, encrypted) for data, key, encrypted in kinds]
    size = max(map(len, payloads_of(filled)))
    same_size = [
        (data, (key or "") + "f" * (size - len(payload)) if key is not None else key, encrypted)
        for (data, key, encrypted), payload in zip(filled, payloads_of(filled), strict=True)
    ]
    payloads = (payloads_of(same_size) * ALIKE_MIN)[: ALIKE_MIN + 1]
    alike = alike_records(payloads)
    if alike is not None:
        read = [(record.data, record.partition_key, None) for record in decode_payloads(payloads)]
        assert read == [(d, k.decode(), None) for d, k in zip(*alike, strict=True)]
        assert all(record.encryption_type is None for record in decode_payloads(payloads))


@pytest.mark.parametrize(
    "odd",
    [
        (b"xx", "key1", False),
        (b"xxx", "key", False),
        (b"x" * 30, 'k"', False),
        (b"xxx", "", True),
        (b"xxx", None, False),
        (b"x" * (LARGE_BYTES + 1), "key", False),
    ],
)
def test_one_that_is_not_like_the_others_leaves_all_of_them(odd: tuple[bytes, str | None, bool]) -> None:
    others = [(b"xxx", "key1", False)] * ALIKE_MIN
    assert alike_records(payloads_of(others)) is not None
    assert alike_records(payloads_of([*others, odd])) is None
    assert alike_records(payloads_of([odd, *others])) is None


@pytest.mark.parametrize(
    "records",
    [
        [(b"xxx", "key", False)] * (ALIKE_MIN - 1),
        [(b"", "key", False)] * ALIKE_MIN,
        [(b"xxx", "kéy", False)] * ALIKE_MIN,
        [(b"xxx", "key", True)] * ALIKE_MIN,
        [(b"xxx", "k" * 22, False)] * ALIKE_MIN + [(b"xxx", "", True)],
        [(b"xxxx", "key", False)] * ALIKE_MIN + [(b"xxxxx", "key", False)],
    ],
    ids=["too few", "no data", "escapes", "encrypted", "one encrypted", "other pads"],
)
def test_other_records_are_left(records: list[tuple[bytes, str | None, bool]]) -> None:
    assert alike_records(payloads_of(records)) is None


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("data_bytes", [1, 2, 3, 100, LARGE_BYTES])
@pytest.mark.parametrize("key", ["", "k", "key-000001"])
def test_records_of_one_size_are_written_together_as_they_are_one_by_one(
    data_bytes: int, key: str, encrypted: bool
) -> None:
    datas = [bytes([at]) * data_bytes for at in range(ALIKE_MIN)]
    keys = [f"{at}{key}"[: len(key)] for at in range(ALIKE_MIN)]
    alike = encode_alike(datas, keys, encrypted=encrypted)
    assert alike is not None
    assert list(alike) == encode_payloads(datas, keys, encrypted=encrypted)


@given(
    st.lists(
        st.tuples(
            st.binary(min_size=5, max_size=5),
            st.sampled_from(["ab%", "", "key-12", 'a"c', "a\\c", "abä", "ab\n"]),
        ),
        min_size=1,
        max_size=3,
    ),
    st.booleans(),
)
def test_what_is_written_together_is_what_it_is_one_by_one(
    kinds: list[tuple[bytes, str]], encrypted: bool
) -> None:
    datas, keys = [data for data, _ in kinds] * ALIKE_MIN, [key for _, key in kinds] * ALIKE_MIN
    alike = encode_alike(datas, keys, encrypted=encrypted)
    assert alike is None or list(alike) == encode_payloads(datas, keys, encrypted=encrypted)
    assert (alike is None) == any(key not in PLAIN for _, key in kinds)


@pytest.mark.parametrize(
    "odd", [(b"xx", "key"), (b"xxx", None), (b"", "key"), (b"x" * (LARGE_BYTES + 1), "key")]
)
def test_one_that_is_not_like_the_others_is_not_written_with_them(odd: tuple[bytes, str | None]) -> None:
    (data, key), datas, keys = odd, [b"xxx"] * ALIKE_MIN, ["key"] * ALIKE_MIN
    assert encode_alike(datas, keys, encrypted=False) is not None
    assert encode_alike([*datas, data, *datas], [*keys, key, *keys], encrypted=False) is None
    assert encode_alike([data] * (ALIKE_MIN - 1), [key] * (ALIKE_MIN - 1), encrypted=False) is None
