import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.model.errors import SerializationException
from headwater.model.instant import Instant
from headwater.wire.json_format import NotBase64, decode, decode_blob, decode_time_ms, encode, utf16_length
from tests.tables import each


def reason(text: str) -> str:
    with pytest.raises(NotBase64) as refused:
        decode_blob(text)
    return str(refused.value)


def test_a_body_is_one_json_object() -> None:
    assert decode(b' {"StreamName": "a", "Limit": 1} ') == {"StreamName": "a", "Limit": 1}


def test_of_a_repeated_member_the_last_one_counts() -> None:
    assert decode(b'{"a": 1, "a": 2}') == {"a": 2}


@each(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"text"',
        b"{} {}",
        b"{'a': 1}",
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\xff"}',
        b'{"\xff": 1}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\udc00\\ud800"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\n"}',
        b'{"a":' * 50_000,
        b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
)
def test_anything_else_is_refused_without_a_word(body: bytes) -> None:
    with pytest.raises(SerializationException) as refused:
        decode(body)
    assert refused.value.message is None


@given(st.binary(max_size=40))
def test_no_body_raises_anything_but_a_serialization_exception(body: bytes) -> None:
    with suppress(SerializationException):
        decode(body)


@given(st.binary(max_size=300))
def test_every_blob_survives_its_text(data: bytes) -> None:
    assert decode_blob(base64.b64encode(data).decode()) == data


@given(st.text(alphabet="AQgwBZ09+/-_= \né\0", max_size=12))
def test_only_the_canonical_text_of_a_blob_is_taken(text: str) -> None:
    try:
        data = decode_blob(text)
    except NotBase64:
        return
    assert base64.b64encode(data).decode() == text


@pytest.mark.parametrize("text", ["A", "AA", "AAA", "AAAAA", "\n", "===", "😀😀A"])
def test_a_length_that_is_no_multiple_of_four_is_counted_in_utf_16_units(text: str) -> None:
    length = utf16_length(text)
    assert reason(text) == f"Base64 encoded length is expected a multiple of 4 bytes but found: {length}"


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("A-B_", "-"),
        ("A_B-", "_"),
        ("AAA\n", "\n"),
        ("é===", "é"),
        ("😀😀", "😀"),
        ("=+/=", "="),
        ("====", "="),
        ("A===", "="),
        ("AA=A", "="),
        ("AAAA====", "="),
        ("AA==AA==", "="),
        ("AA=-", "="),
        ("A-=A", "-"),
    ],
)
def test_the_first_character_out_of_place_is_named(text: str, character: str) -> None:
    assert reason(text) == f"Invalid Base64 character: '{character}'"


@pytest.mark.parametrize("text", ["+/+=", "AB==", "AAB=", "AAAA//=="])
def test_bits_that_belong_to_no_byte_are_refused(text: str) -> None:
    assert reason(text) == "Invalid last non-pad Base64 character dectected"


@pytest.mark.parametrize(
    ("seconds", "ms"),
    [
        (0, 0),
        (1_700_000_000, 1_700_000_000_000),
        (1_700_000_000.123, 1_700_000_000_123),
        (1_700_000_000.9996, 1_700_000_001_000),
        (-0.5, -500),
        (1e300, 2**63 - 1),
        (-1e300, -(2**63 - 1)),
        (10**400, 2**63 - 1),
        (float("inf"), 2**63 - 1),
    ],
)
def test_a_time_is_rounded_to_milliseconds_and_kept_in_64_bits(seconds: float, ms: int) -> None:
    assert decode_time_ms(seconds) == ms


def test_an_operation_without_output_has_an_empty_body() -> None:
    assert encode(None) == b""
    assert encode({}) == b"{}"


def test_an_answer_writes_blobs_in_base64_and_times_in_seconds() -> None:
    answer: dict[str, Any] = {
        "Records": [
            {"Data": b"\xfb\xff", "ApproximateArrivalTimestamp": Instant(1_700_000_000_120)},
            {"Data": b"", "ApproximateArrivalTimestamp": Instant(1_700_000_000_000)},
        ],
        "MillisBehindLatest": 0,
        "HasMoreShards": False,
        "Name": 'é"\n',
    }
    assert json.loads(encode(answer)) == {
        "Records": [
            {"Data": "+/8=", "ApproximateArrivalTimestamp": 1_700_000_000.12},
            {"Data": "", "ApproximateArrivalTimestamp": 1_700_000_000},
        ],
        "MillisBehindLatest": 0,
        "HasMoreShards": False,
        "Name": 'é"\n',
    }


@given(st.integers(-(10**14), 10**14))
def test_a_time_survives_its_number(ms: int) -> None:
    written = json.loads(encode({"Timestamp": Instant(ms)}))["Timestamp"]
    assert decode_time_ms(written) == ms


@given(st.integers(0, 4 * 10**12))
def test_a_time_is_written_with_at_most_three_decimals(ms: int) -> None:
    body = encode({"T": Instant(ms)}).decode()
    assert len(body.removeprefix('{"T":').removesuffix("}").partition(".")[2]) <= 3


def test_a_value_that_no_answer_has_is_a_programming_error() -> None:
    with pytest.raises(TypeError, match="object"):
        encode({"a": object()})


def test_an_instant_is_a_value() -> None:
    assert Instant(5) == Instant(5)
    assert Instant(5) != Instant(6)
    assert Instant(5) != 5
    assert len({Instant(5), Instant(5)}) == 1
    assert repr(Instant(5)) == "Instant(5)"
