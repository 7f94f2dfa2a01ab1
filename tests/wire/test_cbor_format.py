"""The bytes in these tests are spelled in hexadecimal, as RFC 8949 does in its appendix A."""

import io
import struct
from collections.abc import Callable
from contextlib import suppress
from math import inf, isnan
from typing import Any

import pytest
from botocore.parsers import BaseCBORParser
from hypothesis import given
from hypothesis import strategies as st

from headwater.model.errors import SerializationException
from headwater.model.instant import Instant
from headwater.wire.cbor_format import DEEPEST_NESTING, MOST_ITEMS, decode, encode
from tests.tables import each

NUMBERS = st.integers(-(2**64), 2**64 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | FLOATS | st.text() | st.binary()
ITEMS = st.recursive(
    SCALARS | st.integers(0, 2**63 - 1).map(Instant),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.text(), ITEMS, max_size=6)


def value(item: str) -> Any:
    """What an item is read as."""
    return decode(bytes.fromhex("a16161" + item))["a"]


def is_refused(body: bytes) -> bool:
    try:
        decode(body)
    except SerializationException as error:
        return error.message is None
    return False


def refused(item: str) -> bool:
    return is_refused(bytes.fromhex("a16161" + item))


class Spelling:
    """Writes a document in one of the many ways that CBOR has for it."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def item(self, item: Any) -> bytes:
        passed_over = self._draw(st.sampled_from([None] * 6 + [0, 4, 24, 55799, 2**64 - 1]))
        tag = b"" if passed_over is None else self.head(6, passed_over)
        return tag + self._untagged(item)

    def _untagged(self, item: Any) -> bytes:
        match item:
            case None:
                return b"\xf6" if self._draw(st.booleans()) else b"\xf7"
            case bool():
                return b"\xf5" if item else b"\xf4"
            case int():
                return self.number(item)
            case float():
                return self.float(item)
            case Instant():
                return self.head(6, 1) + self.number(item.ms)
            case str():
                return self.string(3, item.encode())
            case bytes():
                return self.string(2, item)
            case list():
                return self.container(4, len(item), b"".join(map(self.item, item)))
            case dict():
                members = (self.string(3, name.encode()) + self.item(item[name]) for name in item)
                return self.container(5, len(item), b"".join(members))
        raise AssertionError(item)

    def head(self, kind: int, number: int) -> bytes:
        if number < 24 and self._draw(st.booleans()):
            return bytes((kind << 5 | number,))
        size = self._draw(st.sampled_from([size for size in range(4) if number < 1 << (8 << size)]))
        return bytes((kind << 5 | 24 + size,)) + number.to_bytes(1 << size, "big")

    def number(self, number: int) -> bytes:
        kind, magnitude = (0, number) if number >= 0 else (1, -1 - number)
        if magnitude >= 2**64 or self._draw(st.integers(0, 9)) == 0:
            return self.head(6, 2 + kind) + self.string(2, magnitude.to_bytes(12, "big"))
        return self.head(kind, magnitude)

    def float(self, number: float) -> bytes:
        for code, form in ((0xF9, ">e"), (0xFA, ">f")):
            with suppress(OverflowError):
                data = struct.pack(form, number)
                if struct.unpack(form, data)[0] == number and self._draw(st.booleans()):
                    return bytes((code,)) + data
        return b"\xfb" + struct.pack(">d", number)

    def string(self, kind: int, data: bytes) -> bytes:
        if not self._draw(st.booleans()):
            return self.head(kind, len(data)) + data
        cut = self._draw(st.integers(0, len(data)))
        chunks = (self.head(kind, len(chunk)) + chunk for chunk in (data[:cut], data[cut:]))
        return bytes((kind << 5 | 31,)) + b"".join(chunks) + b"\xff"

    def container(self, kind: int, count: int, contents: bytes) -> bytes:
        if self._draw(st.booleans()):
            return self.head(kind, count) + contents
        return bytes((kind << 5 | 31,)) + contents + b"\xff"


@given(DOCUMENTS, st.data())
def test_every_spelling_of_a_document_is_read_as_that_document(
    document: dict[str, Any], data: st.DataObject
) -> None:
    assert decode(Spelling(data.draw).item(document)) == document


@given(DOCUMENTS)
def test_a_document_survives_its_bytes(document: dict[str, Any]) -> None:
    assert decode(encode(document)) == document


@given(
    st.dictionaries(st.text(), st.booleans() | NUMBERS | FLOATS | st.text() | st.binary() | st.lists(NUMBERS))
)
def test_another_implementation_reads_what_is_written(document: dict[str, Any]) -> None:
    stream = io.BufferedReader(io.BytesIO(encode(document)))
    assert BaseCBORParser().parse_data_item(stream) == document
    assert stream.read() == b""


@each(
    ("item", "expected"),
    [
        ("00", 0),
        ("17", 23),
        ("1818", 24),
        ("1903e8", 1000),
        ("1a000f4240", 1_000_000),
        ("1bffffffffffffffff", 2**64 - 1),
        ("c249010000000000000000", 2**64),
        ("3bffffffffffffffff", -(2**64)),
        ("c349010000000000000000", -(2**64) - 1),
        ("c240", 0),
        ("20", -1),
        ("3903e7", -1000),
        ("f90000", 0.0),
        ("f93e00", 1.5),
        ("f97bff", 65504.0),
        ("fa47c35000", 100_000.0),
        ("fb3ff199999999999a", 1.1),
        ("f4", False),
        ("f5", True),
        ("f6", None),
        ("f7", None),
        ("40", b""),
        ("4401020304", b"\1\2\3\4"),
        ("5f42010243030405ff", b"\1\2\3\4\5"),
        ("60", ""),
        ("62c3bc", "ü"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("7f61c361bcff", "ü"),
        ("80", []),
        ("83018202039f0405ff", [1, [2, 3], [4, 5]]),
        ("a0", {}),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
        ("bf7f6161ff01ff", {"a": 1}),
    ],
)
def test_an_item_is_read_as_the_standard_says(item: str, expected: object) -> None:
    found = value(item)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("tag", ["c0", "c4", "d7", "d81c", "d9d9f7", "dbffffffffffffffff", "d9d9f7d818"])
def test_a_tag_without_a_meaning_for_the_api_is_passed_over(tag: str) -> None:
    assert value(tag + "6178") == "x"
    assert value(tag + "a0") == {}
    assert decode(bytes.fromhex(tag + "a1616101")) == {"a": 1}


@pytest.mark.parametrize(
    ("number", "ms"),
    [
        ("1b0000018bcfe568fb", 1_700_000_000_251),
        ("00", 0),
        ("20", -1),
        ("fb4278bcfe568fb000", 1_700_000_000_251),
        ("fb3ff8000000000000", 2),
        ("c24101", 1),
        ("1bffffffffffffffff", 2**63 - 1),
        ("3bffffffffffffffff", -(2**63 - 1)),
        ("fb7fefffffffffffff", 2**63 - 1),
    ],
)
def test_a_time_is_a_tagged_number_of_milliseconds(number: str, ms: int) -> None:
    assert value("c1" + number) == Instant(ms)
    assert value("d801" + number) == Instant(ms)


@pytest.mark.parametrize("item", ["60", "6131", "40", "f5", "f6", "80", "a0", "c100", "c140"])
def test_a_time_that_is_no_number_is_refused(item: str) -> None:
    assert refused("c1" + item)


@pytest.mark.parametrize("item", ["00", "60", "80", "c240", "f6"])
def test_a_bignum_that_is_no_byte_string_is_refused(item: str) -> None:
    assert refused("c2" + item)
    assert refused("c3" + item)


@pytest.mark.parametrize("item", ["f97c00", "fa7f800000", "fb7ff0000000000000"])
def test_a_float_may_be_infinite(item: str) -> None:
    assert value(item) == inf
    assert value("c1" + item) == Instant(2**63 - 1)


@pytest.mark.parametrize("item", ["f97e00", "fa7fc00000", "fb7ff8000000000000"])
def test_a_float_may_be_no_number(item: str) -> None:
    assert isnan(value(item))
    assert value("c1" + item) == Instant(-(2**63 - 1))


@pytest.mark.parametrize("item", ["61ff", "62c328", "63eda080", "7f61ffff", "7f61c3ff", "61c3"])
def test_text_is_utf_8(item: str) -> None:
    assert refused(item)


@pytest.mark.parametrize(
    "name", ["01", "20", "4161", "80", "a0", "f6", "fb3ff8000000000000", "c06161", "d9d9f76161"]
)
def test_a_name_is_text(name: str) -> None:
    assert is_refused(bytes.fromhex(f"a1{name}01"))
    assert is_refused(bytes.fromhex(f"bf{name}01ff"))
    assert refused(f"a1{name}01")


@pytest.mark.parametrize("body", ["a2616101616102", "bf616101616102ff", "a26161017f6161ff02"])
def test_of_a_repeated_member_the_last_one_counts(body: str) -> None:
    assert decode(bytes.fromhex(body)) == {"a": 2}


@pytest.mark.parametrize(
    "body", ["", "00", "f6", "80", "4161", "6161", "c100", "c240", "d9d9f7", "ff", "7b7d"]
)
def test_a_body_is_one_map(body: str) -> None:
    assert is_refused(bytes.fromhex(body))


@each(
    "item",
    [
        *("1c", "3d", "5e", "7c", "9d", "be", "dc", "fc"),  # reserved
        *("1f00ff", "3f00ff", "df00ff"),  # what cannot be of indefinite length
        *("e0", "f3", "f800", "f814", "f820", "f8ff"),  # simple values without a meaning
        *("ff", "82ff01", "81ff", "a1ff", "a16161ff", "bf6161ff", "c1ff", "c0ff"),  # a break out of place
        *("5f6161ff", "7f4161ff", "5f5f4161ffff", "5f00ff", "5fc04161ff", "7fff00"),  # what is no chunk
    ],
)
def test_what_is_not_cbor_is_refused(item: str) -> None:
    assert refused(item)


WHOLE = bytes.fromhex(
    "a4 6161 82187b19ffff 6162 c11b0000018bcfe568fb 6163 bf61785f4161ff6179f97bffff 6164 7f6161ff"
)


def test_a_body_that_stops_anywhere_is_refused() -> None:
    assert set(decode(WHOLE)) == {"a", "b", "c", "d"}
    assert [length for length in range(len(WHOLE)) if not is_refused(WHOLE[:length])] == []


def test_a_body_that_goes_on_is_refused() -> None:
    assert is_refused(WHOLE + b"\0")
    assert is_refused(WHOLE + WHOLE)
    assert is_refused(WHOLE + b"\xff")


@each("kind", ["5", "7", "9", "b"])
@each("length", ["8ff", "9ffff", "affffffff", "b7fffffffffffffff", "bffffffffffffffff"])
def test_a_length_beyond_the_body_is_refused(kind: str, length: str) -> None:
    assert refused(kind + length)
    assert refused(kind + length + "616161")


@pytest.mark.parametrize(
    ("opening", "closing"), [("81", ""), ("9f", "ff"), ("a16161", ""), ("bf6161", "ff"), ("c0", "")]
)
def test_nesting_has_a_limit(opening: str, closing: str) -> None:
    inside = DEEPEST_NESTING - 1
    assert not refused(opening * inside + "00" + closing * inside)
    assert refused(opening * (inside + 1) + "00" + closing * (inside + 1))
    assert is_refused(bytes.fromhex(opening) * 1_000_000)


def test_siblings_do_not_count_as_nesting() -> None:
    item = [[[], {}, [1]], {"a": {"b": []}}, Instant(1)] * DEEPEST_NESTING
    assert decode(encode({"a": item})) == {"a": item}


def test_the_number_of_items_has_a_limit() -> None:
    most = MOST_ITEMS - 1  # the list is one, too
    count = most.to_bytes(4, "big")
    one_more = (most + 1).to_bytes(4, "big")
    assert decode(b"\xa1aa\x9f" + b"\0" * most + b"\xff") == {"a": [0] * most}
    assert decode(b"\xa1aa\x9a" + count + b"\0" * most) == {"a": [0] * most}
    assert decode(b"\xa1aa\xbf" + b"ab\0" * most + b"\xff") == {"a": {"b": 0}}
    assert decode(b"\xa1aa\x7f" + b"a." * most + b"\xff") == {"a": "." * most}
    assert is_refused(b"\xa1aa\x9f" + b"\0" * (most + 1) + b"\xff")
    assert is_refused(b"\xa1aa\x9a" + one_more + b"\0" * (most + 1))
    assert is_refused(b"\xa1aa\xbf" + b"ab\0" * (most + 1) + b"\xff")
    assert is_refused(b"\xa1aa\xba" + one_more + b"ab\0" * (most + 1))
    assert is_refused(b"\xa1aa\x7f" + b"a." * (most + 1) + b"\xff")


def test_an_operation_without_output_has_an_empty_body() -> None:
    assert encode(None) == b""
    assert encode({}) == b"\xa0"


def test_an_answer_writes_blobs_as_they_are_and_times_as_tagged_whole_milliseconds() -> None:
    answer: dict[str, Any] = {
        "Records": [{"Data": b"\xfb\xff", "ApproximateArrivalTimestamp": Instant(1_700_000_000_251)}],
        "MillisBehindLatest": 0,
        "HasMoreShards": False,
    }
    assert encode(answer) == bytes.fromhex(
        "a3 675265636f726473 81 a2 6444617461 42fbff"
        "781b417070726f78696d6174654172726976616c54696d657374616d70 c1 1b0000018bcfe568fb"
        "724d696c6c6973426568696e644c6174657374 00 6d4861734d6f7265536861726473 f4"
    )


@pytest.mark.parametrize("number", [0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1])
def test_a_number_has_the_fewest_bytes(number: int) -> None:
    size = 1 if number < 24 else 1 + next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
    assert len(encode({"": number})) == len(encode({"": -1 - number})) == 2 + size


@pytest.mark.parametrize("length", [0, 23, 24, 255, 256, 65535, 65536])
def test_a_string_of_any_length_survives_its_bytes(length: int) -> None:
    document = {"Data": b"\xff" * length, "Text": "x" * length, "List": [0] * length}
    assert decode(encode(document)) == document


def test_a_map_of_any_size_survives_its_bytes() -> None:
    document = {str(number): number for number in range(70_000)}
    assert decode(encode(document)) == document


@pytest.mark.parametrize(("answer", "error"), [({"a": object()}, TypeError), ({"a": [{1}]}, TypeError)])
def test_a_value_that_no_answer_has_is_a_programming_error(answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"object|set"):
        encode(answer)


@given(st.binary(max_size=60))
def test_no_body_raises_anything_but_a_serialization_exception(body: bytes) -> None:
    for opening in (b"", b"\xa1aa", b"\xbfaa"):
        is_refused(opening + body)
