"""Records and their payloads."""

from __future__ import annotations

import json
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from headwater.model.cut_payloads import MANY
from headwater.model.record import (
    LARGE_BYTES,
    Record,
    are_texts,
    decode_payloads,
    encode_payload,
    encode_payloads,
    is_large,
    parts_of_large,
    record_size,
    record_sizes,
    size_of,
    size_of_all,
)
from tests.tables import each

DATA = [
    b"",
    b"d",
    b"da",
    b"data",
    bytes(range(256)),
    b"x" * LARGE_BYTES,
    b"y" * (LARGE_BYTES + 1),
    b"z" * 9999,
]
KEYS = [None, "", "k", "naïve ☕", '"\\\n\0', "☕" * 256, "\U0001f600" * 128]


@each("encrypted", [False, True])
def test_many_are_what_each_is_alone(encrypted: bool) -> None:
    for keys in (KEYS, KEYS[1:3]):
        datas, keys_of_all = DATA * len(keys), [key for key in keys for _ in DATA]
        alone = [
            encode_payload(data, key, encrypted=encrypted)
            for data, key in zip(datas, keys_of_all, strict=True)
        ]
        assert encode_payloads(datas, keys_of_all, encrypted=encrypted) == alone
        assert record_sizes(datas, keys_of_all) == list(map(record_size, datas, keys_of_all))


USUAL_KEYS = ["k", "", "Data", "PartitionKey", "a=b==", ",:{}"]
RECORDS = st.tuples(st.sampled_from(DATA[:6]), st.sampled_from(USUAL_KEYS), st.just(False))
OTHERS = st.tuples(st.sampled_from(DATA), st.sampled_from([*KEYS, *USUAL_KEYS]), st.booleans())


@given(st.lists(RECORDS, max_size=20), st.lists(OTHERS, max_size=3))
def test_the_size_of_many_is_that_of_each(
    usual: list[tuple[bytes, str | None, bool]], others: list[tuple[bytes, str | None, bool]]
) -> None:
    for records in (usual, usual + others, others + usual):
        payloads = [encode_payload(data, key, encrypted=encrypted) for data, key, encrypted in records]
        assert size_of_all(payloads) == sum(record_size(data, key) for data, key, _ in records)


@given(
    st.sampled_from([0, 1, 2, 3, 4, 100]),
    st.lists(
        st.tuples(st.sampled_from([*USUAL_KEYS, "KMS", ","]), st.booleans()), min_size=MANY, max_size=20
    ),
    st.lists(OTHERS, max_size=1),
)
def test_the_size_of_many_with_data_of_one_size_is_that_of_each(
    data_bytes: int, usual: list[tuple[str, bool]], others: list[tuple[bytes, str | None, bool]]
) -> None:
    even = [(b"x" * data_bytes, key, encrypted) for key, encrypted in usual]
    for records in (even, even + others, others + even):
        payloads = [encode_payload(data, key, encrypted=encrypted) for data, key, encrypted in records]
        assert size_of_all(payloads) == sum(record_size(data, key) for data, key, _ in records)


@each("data", DATA)
@each("key", KEYS)
@each("encrypted", [False, True])
@each("buffer", [bytes, memoryview])
def test_a_payload_gives_the_record_back(
    data: bytes, key: str | None, encrypted: bool, buffer: type[bytes | memoryview]
) -> None:
    payload = buffer(encode_payload(data, key, encrypted=encrypted))
    assert decode_payloads([payload]) == [Record(data, key, "KMS" if encrypted else None)]
    assert size_of(payload) == len(data) + len((key or "").encode())
    document = {"Data": b64encode(data).decode()}
    if key is not None:
        document["PartitionKey"] = key
    if encrypted:
        document["EncryptionType"] = "KMS"
    text = bytes(payload)
    if is_large(payload):
        rest, kept = parts_of_large(payload)
        text = b'"Data":"%b"%b' % (b64encode(kept), rest)
    assert text.isascii()
    assert json.loads(b"{" + text + b"}") == document


def test_the_payload_of_a_small_record_is_its_text_and_a_large_one_has_its_bytes() -> None:
    small = encode_payload(b"x" * LARGE_BYTES, "key", encrypted=False)
    assert not is_large(small)
    assert are_texts([small])
    large = encode_payload(b"x" * 100_000, "key", encrypted=False)
    assert is_large(large)
    assert not are_texts([small, large])
    assert len(large) < 100_100


def test_many_payloads_are_decoded_in_order() -> None:
    sent = [(data, key) for data in DATA for key in KEYS]
    payloads = [encode_payload(data, key, encrypted=False) for data, key in sent]
    assert [(record.data, record.partition_key) for record in decode_payloads(payloads)] == sent
    assert decode_payloads([]) == []


def test_no_key_is_not_an_empty_key() -> None:
    empty, absent = decode_payloads(
        [encode_payload(b"data", "", encrypted=False), encode_payload(b"data", None, encrypted=False)]
    )
    assert (empty.partition_key, absent.partition_key) == ("", None)
