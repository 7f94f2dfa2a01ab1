"""Documents as they come from CBOR; what comes from JSON is in `test_constraints`."""

from typing import Any

import pytest

from headwater.api.validation.constraints import accept_document
from headwater.model.errors import SerializationException
from headwater.wire import cbor_format
from tests.tables import each

NUMBER = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"
NO_LIST = "Start of list found where not expected"
NO_STRUCTURE = "Start of structure or map found where not expected."
VALUES = {
    "text": "6161",
    "bytes": "4161",
    "number": "01",
    "float": "f93e00",
    "bignum": "c249010000000000000000",
    "boolean": "f5",
    "time": "c101",
    "list": "8101",
    "map": "a1616101",
}


def request(operation_name: str, **members: str) -> Any:
    """The request whose members are spelled in hexadecimal."""
    body = b"\xbf" + b"".join(
        bytes((0x78, len(name))) + name.encode() + bytes.fromhex(item) for name, item in members.items()
    )
    return accept_document(operation_name, cbor_format.decode(body + b"\xff"))


def type_error(operation_name: str, member: str, kind: str) -> str | None:
    with pytest.raises(SerializationException) as refused:
        request(operation_name, **{member: VALUES[kind]})
    return refused.value.message


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("bytes", "class java.nio.HeapByteBuffer can not be converted to an String"),
        ("number", f"{NUMBER} can not be converted to an String"),
        ("float", f"{NUMBER} can not be converted to an String"),
        ("bignum", f"{NUMBER} can not be converted to an String"),
        ("boolean", "class java.lang.Boolean can not be converted to an String"),
        ("time", "class java.util.Date can not be converted to an String"),
        ("list", NO_LIST),
        ("map", NO_STRUCTURE),
    ],
)
def test_only_text_is_text(kind: str, text: str) -> None:
    assert type_error("DescribeStream", "StreamName", kind) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", f"{NUMBER} can not be converted to a Blob"),
        ("boolean", "class java.lang.Boolean can not be converted to a Blob"),
        ("time", "class java.util.Date can not be converted to a Blob"),
        ("list", NO_LIST),
        ("map", NO_STRUCTURE),
    ],
)
def test_a_blob_is_bytes_or_text(kind: str, text: str) -> None:
    assert type_error("PutRecord", "Data", kind) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text", "class java.lang.String can not be converted to milliseconds since epoch"),
        ("bytes", "class java.nio.HeapByteBuffer can not be converted to milliseconds since epoch"),
        ("boolean", "class java.lang.Boolean can not be converted to milliseconds since epoch"),
        ("list", NO_LIST),
        ("map", NO_STRUCTURE),
    ],
)
def test_a_time_is_a_time_or_a_number(kind: str, text: str) -> None:
    assert type_error("ListShards", "StreamCreationTimestamp", kind) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text", "class java.lang.String can not be converted to an Integer"),
        ("bytes", "class java.nio.HeapByteBuffer can not be converted to an Integer"),
        ("boolean", "class java.lang.Boolean can not be converted to an Integer"),
        ("time", "class java.util.Date can not be converted to an Integer"),
        ("list", NO_LIST),
        ("map", NO_STRUCTURE),
    ],
)
def test_a_whole_number_is_a_number(kind: str, text: str) -> None:
    assert type_error("ListStreams", "Limit", kind) == text


@pytest.mark.parametrize("kind", ["bytes", "number", "time"])
def test_a_boolean_is_a_boolean_or_a_word(kind: str) -> None:
    assert "can not be converted to an Boolean" in str(
        type_error("DeleteStream", "EnforceConsumerDeletion", kind)
    )


@each(
    ("operation_name", "member", "text"),
    [
        ("PutRecords", "Records", "Expected list or null"),
        ("CreateStream", "Tags", "Expected map or null"),
        ("CreateStream", "StreamModeDetails", "Expected null"),
    ],
)
@each("kind", ["text", "bytes", "number", "boolean", "time"])
def test_no_scalar_is_a_list_a_map_or_a_structure(
    operation_name: str, member: str, text: str, kind: str
) -> None:
    assert type_error(operation_name, member, kind) == text


def test_a_blob_is_taken_as_it_is_and_text_for_one_is_base64() -> None:
    key = {"StreamName": "6161", "PartitionKey": "616b"}
    assert request("PutRecord", Data="43 00ff61", **key).Data == b"\0\xffa"
    assert request("PutRecord", Data="5f 4100 41ff ff", **key).Data == b"\0\xff"
    assert request("PutRecord", Data="64 2f773d3d", **key).Data == b"\xff"


@pytest.mark.parametrize(
    "item", ["c1 1b0000018bcfe568fb", "c1 fb4278bcfe568fb000", "d9d9f7 c1 1b0000018bcfe568fb"]
)
def test_a_time_is_in_milliseconds(item: str) -> None:
    assert request("ListShards", StreamName="6161", StreamCreationTimestamp=item).StreamCreationTimestamp == (
        1_700_000_000_251
    )


@pytest.mark.parametrize(
    ("item", "limit"),
    [("0a", 10), ("c2 41 0a", 10), ("f94947", 10), ("d9d9f7 0a", 10), ("f6", None), ("f7", None)],
)
def test_a_whole_number_has_many_spellings(item: str, limit: int | None) -> None:
    assert request("ListStreams", Limit=item).Limit == limit


def test_unknown_members_and_nulls_count_as_absent() -> None:
    members = {"StreamName": "6161", "Limit": "f7", "Unknown": "8341ff f7 c101"}
    described = request("DescribeStream", **members)
    assert (described.StreamName, described.Limit) == ("a", None)
