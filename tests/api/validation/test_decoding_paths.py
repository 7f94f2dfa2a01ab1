"""The fast and the slow way to read a request take the same inputs, to equal structs."""

import json
import string
import struct
from base64 import b64encode
from contextlib import suppress
from functools import cache
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.api.validation import request_types, written_records
from headwater.api.validation.api_model import api_model
from headwater.api.validation.cbor_requests import accept_cbor
from headwater.api.validation.constraints import WITH_RECORDS, accept, accept_document, explained
from headwater.api.validation.long_requests import beginning_of
from headwater.model.alike_records import ALIKE_MIN as RECORDS_MIN
from headwater.model.errors import SerializationException, ValidationException
from headwater.model.instant import Instant
from headwater.model.new_records import NewRecords
from headwater.wire import cbor_format, json_format
from headwater.wire.cbor_columns import ALIKE_MIN, KEY_LENGTH_MAX
from headwater.wire.cbor_repacking import repack
from headwater.wire.record_texts import LARGE_MIN, WrittenEntries
from tests.tables import each

OPERATIONS = sorted(api_model().operations)

WAYS_TO_NAME_A_STREAM = (("StreamName",), ("StreamARN",), ("StreamName", "StreamARN"))

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(
        ["yes", "FALSE", "HELLO", "AA==", "AB==", "+/+=", "=+/=", "AAA=AAA=", "AAAA====", "x", "1", "a\n"]
    )
)
ANY_JSON = st.recursive(
    SCALARS,
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3)
    ),
    max_leaves=4,
)


PLAIN_CHARACTERS = st.characters(
    max_codepoint=0xFFFF, exclude_categories=["Cs", "Cc"], exclude_characters="="
)


@cache
def valid(shape_name: str) -> st.SearchStrategy[Any]:
    """Values that the model allows, that need no leniency and do not end like loose base64."""
    shape = api_model().shapes[shape_name]
    low = shape.min or 0
    match shape.type:
        case "structure":
            return structures(shape_name, valid)
        case "list":
            high = min(shape.max or 3, low + 2)
            return st.lists(valid(shape.member), min_size=low, max_size=high)
        case "map":
            return st.dictionaries(valid(shape.key), valid(shape.value), min_size=low, max_size=low + 2)
        case "string":
            return valid_text(shape_name)
        case "integer" | "long":
            return st.integers(low, min(shape.max or 2**31 - 1, 2**31 - 1))
        case "boolean":
            return st.booleans()
        case "timestamp":
            return st.integers(0, 2**40) | st.floats(0, 2**33)
        case "blob":
            return st.sampled_from(["", "AA==", "AAA=", "AAAA", "+/8=", "/w=="])
        case _:
            raise NotImplementedError(shape.type)


def valid_text(shape_name: str) -> st.SearchStrategy[str]:
    shape = api_model().shapes[shape_name]
    if shape.enum:
        return st.sampled_from(shape.enum)
    if shape.pattern is not None:
        matching = st.from_regex(request_types.full_match(shape.pattern), alphabet=PLAIN_CHARACTERS)
        return matching.filter(lambda text: (shape.min or 0) <= len(text) <= (shape.max or 1000))
    return st.text(PLAIN_CHARACTERS, min_size=shape.min or 0, max_size=min(shape.max or 20, 20))


@cache
def hostile(shape_name: str) -> st.SearchStrategy[Any]:
    """Values around the model's: at its bounds, beyond them, of other types, anything at all."""
    shape = api_model().shapes[shape_name]
    match shape.type:
        case "structure":
            around: st.SearchStrategy[Any] = structures(shape_name, hostile)
        case "list":
            around = st.lists(hostile(shape.member), max_size=3)
        case "map":
            around = st.dictionaries(st.text(max_size=3), hostile(shape.value), max_size=3)
        case "string" | "blob":
            around = st.builds(
                lambda unit, length: unit * length,
                st.sampled_from(["a", "é", "😀", "0", "A\n"]),
                st.sampled_from([0, 1, 2, shape.min or 0, *around_number(shape.max or 4)]),
            )
        case _:
            around = st.sampled_from(
                [1.0, 1.5, -0.0, -0.9, 1e300, -1e300, 2**31 - 1, 2**31, -(2**31) - 1, 2**63, 10**30]
                + [number for bound in (shape.min, shape.max) if bound for number in around_number(bound)]
            )
    return valid(shape_name) | around | ANY_JSON


def around_number(bound: int) -> list[int]:
    return [bound - 1, bound, bound + 1] if abs(bound) < 100_000 else [1]


def must_name_a_stream(operation_name: str) -> bool:
    members = api_model().shapes[api_model().input_shape_name(operation_name)].members
    return {"StreamName", "StreamARN"} <= members.keys() and operation_name != "ListShards"


def structures(
    shape_name: str, value: Any, needed: tuple[str, ...] = ()
) -> st.SearchStrategy[dict[str, Any]]:
    """Dicts with every member that the model requires, and those that are `needed` besides."""
    shape = api_model().shapes[shape_name]
    there = {*shape.required, *needed}
    required = {name: value(member) for name, member in shape.members.items() if name in there}
    optional = {name: value(member) for name, member in shape.members.items() if name not in there}
    return st.fixed_dictionaries(required, optional=optional)


@cache
def documents(operation_name: str, value: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Requests of an operation that name a stream if they must; `value` makes values from shapes."""
    shape_name = api_model().input_shape_name(operation_name)
    if not must_name_a_stream(operation_name):
        return structures(shape_name, value)
    return st.one_of([structures(shape_name, value, needed) for needed in WAYS_TO_NAME_A_STREAM])


@st.composite
def valid_requests(draw: st.DrawFn) -> tuple[str, bytes]:
    name = draw(st.sampled_from(OPERATIONS))
    document = draw(documents(name, valid))
    return name, json.dumps(document, ensure_ascii=draw(st.booleans())).encode()


@st.composite
def hostile_requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """Mostly valid but for one thing: a member that is missing, null or unknown, a value, some bytes."""
    name = draw(st.sampled_from(OPERATIONS))
    document = draw(documents(name, likely_valid))
    if draw(st.booleans()) and document:
        member = draw(st.sampled_from(sorted(document)))
        if draw(st.booleans()):
            document[member] = None
        else:
            del document[member]
    if draw(st.booleans()):
        document[draw(st.text(max_size=5))] = draw(ANY_JSON)
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    return name, draw(damaged(text.encode("utf-8", "surrogatepass")))


def likely_valid(shape_name: str) -> st.SearchStrategy[Any]:
    return st.one_of(valid(shape_name), valid(shape_name), valid(shape_name), hostile(shape_name))


FATES = st.sampled_from(["whole", "whole", "damaged", "repeated", "escaped"])


@st.composite
def damaged(draw: st.DrawFn, body: bytes) -> bytes:
    """Mostly whole; else a few bytes put in or taken out somewhere, or one member repeated."""
    match draw(FATES):
        case "damaged":
            at = draw(st.integers(0, len(body)))
            put = draw(
                st.binary(max_size=2)
                | st.sampled_from(
                    [b"=", b'"', b"\\u0041", b"\\u003d", b"\\ud83d", b"\\/", b"\xf0\x9f\x98\x80"]
                )
            )
            return body[:at] + put + body[at + draw(st.integers(0, 2)) :]
        case "repeated":
            return body[:-1] + b"," + body[1:]
        case "escaped":
            return body.replace(b"=", b"\\u003d").replace(b"A", b"\\u0041" if draw(st.booleans()) else b"A")
        case _:
            return body


def outcome(call: Any, *arguments: Any) -> Any:
    """The struct; or the error's name and text. Any other exception gets through and fails the test."""
    try:
        return call(*arguments)
    except (SerializationException, ValidationException) as error:
        return error.code, error.message


def the_slow_way(name: str, body: bytes) -> Any:
    return explained(name, json_format.decode(body))


def the_long_way(name: str, body: bytes) -> Any:
    """As a body with very many values is read."""
    return explained(name, beginning_of(api_model().input_shape_name(name), body))


def check_the_long_way(name: str, body: bytes) -> None:
    assert outcome(the_long_way, name, body) == outcome(the_slow_way, name, body)


def the_fast_way(name: str, body: bytes) -> Any:
    read = written_records.read if name in WITH_RECORDS else request_types.read
    return with_entries(read(name, body))


def the_usual_way(name: str, body: bytes) -> Any:
    return with_entries(accept(name, body))


def with_entries(request: Any) -> Any:
    """The request with a list where it has what is stored, which is the same as if it was written anew."""
    if type(getattr(request, "Records", None)) is WrittenEntries:
        entries = list(request.Records)
        anew = NewRecords(
            [entry.Data for entry in entries],
            [entry.PartitionKey for entry in entries],
            [entry.ExplicitHashKey for entry in entries],
        )
        found, expected = (records.written(encrypted=False) for records in (request.Records.records, anew))
        assert list(map(list, found)) == list(map(list, expected))
        request.Records = entries
    return request


def check_both_ways(name: str, body: bytes) -> None:
    fast = the_fast_way(name, body)
    slow = outcome(the_slow_way, name, body)
    assert fast is None or fast == slow
    assert outcome(the_usual_way, name, body) == slow


def with_blobs(shape_name: str, value: Any) -> Any:
    """A JSON document as CBOR has it: blobs are bytes, where they can be."""
    shape = api_model().shapes[shape_name]
    match shape.type:
        case "structure" if isinstance(value, dict):
            members = shape.members
            return {name: with_blobs(members[name], v) if name in members else v for name, v in value.items()}
        case "list" if isinstance(value, list):
            return [with_blobs(shape.member, item) for item in value]
        case "blob" if isinstance(value, str) and not value.endswith("A"):
            return value.encode("utf-8", "surrogatepass")
        case "timestamp" if isinstance(value, int) and value % 2:
            return Instant(value)
        case _:
            return value


def check_both_ways_of_a_document(name: str, document: dict[str, Any]) -> None:
    document = with_blobs(api_model().input_shape_name(name), document)
    fast = request_types.convert(name, document)
    slow = outcome(explained, name, document)
    assert fast is None or fast == slow
    assert outcome(accept_document, name, document) == slow
    with suppress(TypeError, UnicodeEncodeError, OverflowError, struct.error):  # what CBOR has no form for
        check_both_ways_of_cbor(name, cbor_format.encode(document))


def the_slow_way_of_cbor(name: str, body: bytes) -> Any:
    return explained(name, cbor_format.decode(body))


def the_usual_way_of_cbor(name: str, body: bytes) -> Any:
    return with_entries(accept_cbor(name, body))


def check_both_ways_of_cbor(name: str, body: bytes) -> None:
    packed = repack(body)
    fast = None if packed is None else request_types.read_packed(name, packed)
    slow = outcome(the_slow_way_of_cbor, name, body)
    assert fast is None or fast == slow
    assert outcome(the_usual_way_of_cbor, name, body) == slow


everyday = settings(deadline=None, suppress_health_check=list(HealthCheck))
thorough = settings(everyday, max_examples=2_000)


@everyday
@given(hostile_requests())
def test_what_the_fast_way_takes_the_slow_way_takes_too(request: tuple[str, bytes]) -> None:
    check_both_ways(*request)


@everyday
@given(valid_requests() | hostile_requests())
def test_of_a_long_request_enough_is_read_to_say_the_same(request: tuple[str, bytes]) -> None:
    check_the_long_way(*request)


@everyday
@given(hostile_requests())
def test_so_it_is_for_documents_with_blobs(request: tuple[str, bytes]) -> None:
    name, body = request
    with suppress(SerializationException):
        check_both_ways_of_a_document(name, json_format.decode(body))


def check_data(data: str) -> None:
    check_both_ways("PutRecord", f'{{"StreamName":"a","Data":"{data}"}}'.encode())


BASE64_CHARACTERS = string.ascii_letters + string.digits + "+/"


def test_both_ways_agree_on_every_base64_ending() -> None:
    for last in BASE64_CHARACTERS + "=- ":
        for data in (f"AAA{last}", f"AA{last}=", f"A{last}==", f"AAAAAA{last}=", f"A{last}===", f"{last}"):
            check_data(data)
    for quad in product("AB+=-", repeat=4):
        check_data("".join(quad))


@pytest.mark.parametrize("digits", ["04x", "04X"])
def test_both_ways_agree_on_escapes_in_base64(digits: str) -> None:
    spellings = [spelling for character in "AB=" for spelling in (character, f"\\u{ord(character):{digits}}")]
    for quad in product([*spellings, "\\/"], repeat=4):
        check_data("".join(quad))


@pytest.mark.parametrize("unit", ["a", "é", "😀", "a😀"])
@pytest.mark.parametrize("as_ascii", [False, True])
def test_both_ways_agree_on_the_length_of_text(unit: str, as_ascii: bool) -> None:
    for count in (1, 85, 86, 127, 128, 129, 130, 255, 256, 257, 258):
        document = {"StreamName": "a", "Data": "", "PartitionKey": unit * count}
        check_both_ways("PutRecord", json.dumps(document, ensure_ascii=as_ascii).encode())
        check_both_ways_of_a_document("PutRecord", document)


@pytest.mark.parametrize(
    "value", [b"1e999", b'"\xff"', b'"\\ud800"', b"9" * 5000, b"[" * 50_000 + b"]" * 50_000]
)
def test_both_ways_look_at_what_is_not_theirs(value: bytes) -> None:
    body = b'{"Unknown": ' + value + b"}"
    check_both_ways("ListStreams", body)
    assert outcome(accept, "ListStreams", body) == ("SerializationException", None)


@everyday
@given(valid_requests())
def test_the_fast_way_takes_every_usual_request(request: tuple[str, bytes]) -> None:
    name, body = request
    fast = request_types.read(name, body)
    assert fast is not None
    assert fast == the_slow_way(name, body)


def test_the_fast_way_takes_usual_records_with_blobs() -> None:
    records = [{"Data": bytes([at]), "PartitionKey": f"key-{at}"} for at in range(200)]
    assert request_types.convert("PutRecords", {"StreamName": "orders", "Records": records}) is not None
    assert request_types.convert("PutRecord", {"StreamName": "orders", **records[0]}) is not None


def usual_records(sizes: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [{"Data": bytes(data), "PartitionKey": "k" * key} for data, key in sizes]


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 23, 24, 255, 256, 65_536]), st.integers(1, 30)), max_size=30)
)
def test_usual_records_in_cbor_are_repacked(sizes: list[tuple[int, int]]) -> None:
    document = {"StreamName": "orders", "Records": usual_records(sizes)}
    body = cbor_format.encode(document)
    packed = repack(body)
    assert packed is not None
    assert msgspec.msgpack.decode(packed) == document
    check_both_ways_of_cbor("PutRecords", body)


def test_the_largest_request_in_cbor_is_repacked() -> None:
    entry = {"Data": b"data", "PartitionKey": "key", "ExplicitHashKey": "1"}
    body = cbor_format.encode(
        {"StreamName": "a", "StreamARN": "b", "StreamId": "c", "Records": [entry] * 500}
    )
    assert repack(body) is not None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "A" * 900_000,
            "A" * 899_998 + "==",
            "A" * 899_999 + "=",
            "A" * 899_998 + "B=",
        ),  # the third has bits too many
        *("A" * 899_999, "A" * 899_996 + "====", "A==A" * 250_000, "AA=A" + "A" * 900_000),
        *("A" * 899_999 + "-", "A" * 899_999 + "\\n", "A" * 899_999 + "é", " " * 900_000),
        pytest.param("A" * 14_000_000, marks=pytest.mark.long),
    ],
    ids=lambda text: f"{len(text)}{text[-4:]!a}",
)
def test_both_ways_agree_on_long_blobs(text: str) -> None:
    record = f'{{"Data":"{text}","PartitionKey":"key"}}'
    check_both_ways("PutRecord", f'{{"StreamName":"orders",{record[1:]}'.encode())
    check_both_ways("PutRecords", f'{{"StreamName":"orders","Records":[{record}]}}'.encode())


SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (",", ": ")])


@st.composite
def bodies_of_many_records(draw: st.DrawFn, keys: list[str]) -> bytes:
    """PutRecords as programs write them; a few bytes are changed here and there."""
    count, data_bytes = draw(st.integers(RECORDS_MIN - 1, RECORDS_MIN + 3)), draw(st.integers(0, 5))
    keys, more = draw(st.lists(st.sampled_from(keys), min_size=1)), draw(st.integers(0, 3))
    records = [
        {
            "Data": b64encode(bytes([at]) * (data_bytes + at * more % 7)).decode(),
            "PartitionKey": keys[at % len(keys)],
        }
        for at in range(count)
    ]
    if draw(st.integers(0, 5)) == 0:
        records[draw(st.integers(0, count - 1))] = {
            "PartitionKey": "key",
            "Data": "AAAA",
            "ExplicitHashKey": "1",
        }
    document: dict[str, Any] = {"StreamName": "orders", "Records": records}
    if draw(st.booleans()):
        document = dict(reversed(document.items()))
    text = json.dumps(document, separators=draw(SEPARATORS), ensure_ascii=draw(st.booleans()))
    body = text.encode()
    for _ in range(draw(st.integers(0, 3))):
        body = draw(damaged(body))
    return body


@settings(everyday, max_examples=400)
@given(bodies_of_many_records(["key", "k},", "},{", "é!!", "[{a", "}]}", " a "]))
def test_both_ways_agree_on_records_of_one_size(body: bytes) -> None:
    check_both_ways("PutRecords", body)


ODD_KEYS = ["k", "key-1", "},{", "},{D", "é", "[{a", "}]}", " a ", '"', "k\\", "\x7f", "k" * 300]


@settings(everyday, max_examples=400)
@given(bodies_of_many_records(ODD_KEYS))
def test_both_ways_agree_on_records_of_many_sizes(body: bytes) -> None:
    check_both_ways("PutRecords", body)


@st.composite
def bodies_of_large_records(draw: st.DrawFn) -> bytes:
    """PutRecords of records some of which are stored as they are; a few bytes are changed here and there."""
    sizes = st.sampled_from([1024, 1025, 1026, 1027, 1028, 3000, 10])
    keys = st.sampled_from([*ODD_KEYS, "k" * 256, ""])
    size = draw(sizes)
    records = [
        {"Data": b64encode(bytes([at]) * draw(st.just(size) | sizes)).decode(), "PartitionKey": draw(keys)}
        for at in range(draw(st.integers(1, LARGE_MIN + 3)))
    ]
    document: dict[str, Any] = {"StreamName": "orders", "Records": records}
    text = json.dumps(document, separators=draw(SEPARATORS), ensure_ascii=draw(st.booleans()))
    body = text.encode()
    if draw(st.booleans()):  # where data ends
        at = body.index(b'"', body.index(b"Data") + len(b'Data": "'))
        body = body[:at] + draw(st.sampled_from([b'"', b"=", b"A", b"B=", b'","'])) + body[at:]
    return draw(damaged(body))


@settings(everyday, max_examples=400)
@given(bodies_of_large_records())
def test_both_ways_agree_on_large_records(body: bytes) -> None:
    check_both_ways("PutRecords", body)


@pytest.mark.parametrize("blank", [" ", "\n", "\t\n"])
@pytest.mark.parametrize("more", ["", '"ExplicitHashKey":"1",', '"Data":"AAAA",'])
def test_both_ways_agree_on_blanks_that_make_up_for_what_is_missing(blank: str, more: str) -> None:
    """Each record is as long as another would be without blanks."""
    record = f'{{{more}"Data":"AAA=","PartitionKey":"k"}}'
    others = [f"{blank}{record}{blank}", f'{{"Data":"AAAA",{blank}"PartitionKey":"k-{len(blank)}"}}']
    records = [record] * RECORDS_MIN + others
    for order in (records, records[::-1]):
        check_both_ways("PutRecords", f'{{"StreamName":"orders","Records":[{",".join(order)}]}}'.encode())


@pytest.mark.parametrize("key", ["},{},{", "a},{D},{", "},{D"])
@pytest.mark.parametrize("between", [",", " ,", "\n,"])
def test_both_ways_agree_on_keys_that_look_like_the_end_of_a_record(key: str, between: str) -> None:
    record = '{"Data":"AAA=","PartitionKey":"k"}'
    records = [record] * RECORDS_MIN + [record.replace('"k"', f'"{key}"')]
    for blanks in range(4):
        text = between.join(records[: blanks + 1]) + "," + ",".join(records[blanks + 1 :])
        check_both_ways("PutRecords", f'{{"StreamName":"orders","Records":[{text}]}}'.encode())


@pytest.mark.parametrize("count", [RECORDS_MIN, 500, 501])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_both_ways_agree_on_each_place_of_records_of_one_size(
    count: int, separators: tuple[str, str]
) -> None:
    record = {"Data": "AAA=", "PartitionKey": "k"}
    document = {"StreamName": "orders", "Records": [record] * count}
    body = json.dumps(document, separators=separators).encode()
    check_both_ways("PutRecords", body)
    second = body.index(b"Data", body.index(b"Data") + 1) - 2
    for at in range(second, second + 60):
        for odd in (b" ", b"A", b"=", b'"', b"\\", b"\0", b"\xc3\xa9", b""):
            check_both_ways("PutRecords", body[:at] + odd + body[at + 1 :])


LONG_BLOB = "A" * 131_072
ENDINGS = ("AA", "==", "A=", "B=", "A", "A\n", "A\x7f", "Aé", 'A"', "A\\")
NAME_OF_FIRST = b64encode(b"\0cut text\0\0\0").decode()
"""What stands for the first long text while the rest is read."""
BLOBS = st.sampled_from(["AA==", "AB==", "", NAME_OF_FIRST, *(LONG_BLOB[:-2] + ending for ending in ENDINGS)])
KEYS = st.sampled_from(["key", NAME_OF_FIRST, NAME_OF_FIRST[:12], "k" * 2_000, "\uffff", "é", "😀", '"', ""])


@everyday
@given(
    st.lists(st.tuples(BLOBS, KEYS, st.sampled_from(["", '"Data":"AAAA",', '"Extra":1,'])), max_size=4),
    st.sampled_from(["orders", "o" * 2_000, NAME_OF_FIRST]),
    st.booleans(),
)
def test_both_ways_agree_on_records_with_long_blobs(
    records: list[tuple[str, str, str]], name: str, as_ascii: bool
) -> None:
    items = []
    for data, key, before in records:
        record = json.dumps({"Data": data, "PartitionKey": key}, ensure_ascii=as_ascii)
        items.append(f"{{{before}{record[1:]}")
    body = f'{{"Records":[{", ".join(items)}],"StreamName":{json.dumps(name)}}}'
    check_both_ways("PutRecords", body.encode())


def with_open_ends(value: Any) -> bytes:
    """CBOR as Java's clients write it: maps and lists of indefinite length."""
    match value:
        case dict():
            members = (cbor_format.encode({name: 0})[1:-1] + with_open_ends(v) for name, v in value.items())
            return b"\xbf" + b"".join(members) + b"\xff"
        case list():
            return b"\x9f" + b"".join(map(with_open_ends, value)) + b"\xff"
        case _:
            return cbor_format.encode({"": value})[2:]


@given(
    st.lists(st.tuples(st.sampled_from([0, 23, 24, 255, 256, 65_536]), st.integers(1, 30)), max_size=30),
    st.sampled_from(["key", "ключ", "k" * 12]),
)
def test_usual_records_as_java_writes_them_are_repacked(sizes: list[tuple[int, int]], key: str) -> None:
    records = usual_records(sizes)
    document = {"Records": [*records, *({**record, "PartitionKey": key} for record in records)]}
    body = with_open_ends({**document, "StreamName": "orders"})
    packed = repack(body)
    if key.isascii() or not sizes:
        assert packed is not None
        assert msgspec.msgpack.decode(packed) == {**document, "StreamName": "orders"}
    check_both_ways_of_cbor("PutRecords", body)


stretches_of_alike = st.lists(
    st.tuples(
        st.sampled_from([1, ALIKE_MIN - 1, ALIKE_MIN, 3 * ALIKE_MIN]),
        st.sampled_from([23, 24, 100, 255, 256, 300]),
        st.sampled_from([1, 10, 23, 24, 36, KEY_LENGTH_MAX, KEY_LENGTH_MAX + 1]),
    ),
    min_size=1,
    max_size=4,
)


def alike_records(stretches: list[tuple[int, int, int]]) -> dict[str, Any]:
    records = [
        {"Data": bytes([at % 256]) * data, "PartitionKey": f"{at:0{key}}"[-key:]}
        for count, data, key in stretches
        for at in range(count)
    ]
    return {"StreamName": "orders", "Records": records}


@given(stretches_of_alike, st.booleans())
def test_records_of_one_size_are_repacked_together(
    stretches: list[tuple[int, int, int]], is_open: bool
) -> None:
    document = alike_records(stretches)
    body = with_open_ends(document) if is_open else cbor_format.encode(document)
    packed = repack(body)
    assert packed is not None
    assert msgspec.msgpack.decode(packed) == document
    check_both_ways_of_cbor("PutRecords", body)


@pytest.mark.parametrize("count", [255, 256, 500, 501])
@pytest.mark.parametrize("is_open", [False, True])
def test_both_ways_agree_on_how_many_records_of_one_size_there_may_be(count: int, is_open: bool) -> None:
    document = alike_records([(count, 24, 10)])
    check_both_ways_of_cbor(
        "PutRecords", with_open_ends(document) if is_open else cbor_format.encode(document)
    )


@given(st.binary(min_size=1, max_size=3), st.booleans(), st.data())
@settings(max_examples=300)
def test_both_ways_agree_on_records_of_one_size_of_which_one_is_damaged(
    noise: bytes, is_open: bool, data: st.DataObject
) -> None:
    count = data.draw(st.sampled_from([ALIKE_MIN + 2, RECORDS_MIN + 2]))
    document = alike_records([(count, 24, data.draw(st.sampled_from([2, 30])))])
    body = with_open_ends(document) if is_open else cbor_format.encode(document)
    at = data.draw(st.integers(0, len(body)))
    cut = data.draw(st.sampled_from([len(noise), 0, len(body)]))
    check_both_ways_of_cbor("PutRecords", body[:at] + noise + body[at + cut :])


@given(st.binary(min_size=1, max_size=3), st.booleans(), st.data())
@settings(max_examples=300)
def test_both_ways_agree_on_records_with_keys_of_several_lengths(
    noise: bytes, is_open: bool, data: st.DataObject
) -> None:
    keys = data.draw(
        st.lists(st.sampled_from(["k", "key-1", "k" * 23, "k" * 24, "", "é"]), min_size=1, max_size=3)
    )
    records = [
        {"Data": bytes([at]) * 24, "PartitionKey": keys[at % len(keys)]} for at in range(RECORDS_MIN + 2)
    ]
    document = {"Records": records, "StreamName": "orders"}
    body = with_open_ends(document) if is_open else cbor_format.encode(document)
    at = data.draw(st.integers(0, len(body)))
    cut = data.draw(st.sampled_from([len(noise), 0, len(body)]))
    check_both_ways_of_cbor("PutRecords", body)
    check_both_ways_of_cbor("PutRecords", body[:at] + noise + body[at + cut :])


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("is_last", [False, True])
def test_both_ways_agree_on_the_last_of_records_with_keys_of_several_lengths(
    is_open: bool, is_last: bool
) -> None:
    records = [{"Data": bytes(24), "PartitionKey": f"key-{at}"} for at in range(RECORDS_MIN)]
    document: dict[str, Any] = {"StreamName": "orders", "Records": records}
    if not is_last:
        document = dict(reversed(document.items()))
    body = with_open_ends(document) if is_open else bytes(cbor_format.encode(document))
    end = body.rindex(b"key-")
    for at in range(end - 60, len(body)):
        for odd in (b"", b"\x60", b"\x61", b"\x78", b"\xff", b"k", body[at : at + 1] * 2):
            check_both_ways_of_cbor("PutRecords", body[:at] + odd + body[at + 1 :])
        check_both_ways_of_cbor("PutRecords", body[:at])


@given(st.binary(max_size=60), st.booleans(), st.data())
def test_both_ways_agree_on_cbor_that_is_damaged(noise: bytes, is_open: bool, data: st.DataObject) -> None:
    document = {"StreamName": "orders", "Records": usual_records([(3, 3), (30, 30), (30, 3), (24, 1)])}
    body = with_open_ends(document) if is_open else cbor_format.encode(document)
    at = data.draw(st.integers(0, len(body)))
    cut = data.draw(st.integers(0, 3))
    check_both_ways_of_cbor("PutRecords", body[:at] + noise + body[at + cut :])
    check_both_ways_of_cbor("PutRecords", noise)


SPELLINGS_OF_CBOR = {
    "repeated names": "a26a53747265616d4e616d6561626a53747265616d4e616d656161",
    "a name that is spelled long": "a1780a53747265616d4e616d656161",
    "a text that is spelled long": "a16a53747265616d4e616d65780161",
    "an indefinite map": "bf6a53747265616d4e616d656161ff",
    "an indefinite map without an end": "bf6a53747265616d4e616d656161",
    "an end in the place of a value": "bf6a53747265616d4e616d65ffff",
    "an indefinite map of many members": "bf" + "6a53747265616d4e616d656161" * 16 + "ff",
    "an indefinite list": "bf6a53747265616d4e616d656161675265636f7264739fffff",
    "a list in a list without an end": "a1675265636f7264739f9f9fff",
    "a null": "a26a53747265616d4e616d656161654c696d6974f6",
    "an undefined member": "a26a53747265616d4e616d656161654c696d6974f7",
    "text beyond ASCII": "a16a53747265616d4e616d6562c3a4",
    "a whole number in eight bytes": "a26a53747265616d4e616d656161654c696d69741b0000000000000007",
    "a whole number with a sign": "a26a53747265616d4e616d656161654c696d697420",
    "a tag": "a26a53747265616d4e616d656161654c696d6974c007",
    "what is longer than the body": "a16a53747265616d4e616d657a7fffffff61",
    "a list that says too much": "a26a53747265616d4e616d656161675265636f7264739a7fffffffa0",
    "nothing": "",
}


@each("body", SPELLINGS_OF_CBOR.values())
@each("name", ["PutRecords", "ListShards", "DescribeStream"])
def test_both_ways_agree_on_spellings_of_cbor(name: str, body: str) -> None:
    check_both_ways_of_cbor(name, bytes.fromhex(body))


@pytest.mark.long
@thorough
@given(hostile_requests())
def test_both_ways_agree_on_many_requests(request: tuple[str, bytes]) -> None:
    check_both_ways(*request)
    name, body = request
    with suppress(SerializationException):
        check_both_ways_of_a_document(name, json_format.decode(body))


@given(st.binary(max_size=30), st.sampled_from(OPERATIONS))
def test_no_bytes_get_more_than_a_named_error(body: bytes, name: str) -> None:
    outcome(accept, name, body)  # lets no other exception be one


@each("name", OPERATIONS)
def test_every_operation_has_its_request_type(name: str) -> None:
    check_both_ways(name, b"{}")
    request = outcome(accept, name, b"{}")
    shape = api_model().shapes[api_model().input_shape_name(name)]
    if shape.required or must_name_a_stream(name):
        assert request[0] == "ValidationException"
    else:
        assert all(getattr(request, member) is None for member in shape.members)
