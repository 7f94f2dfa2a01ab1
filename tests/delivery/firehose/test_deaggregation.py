"""Records that have others in them."""

from __future__ import annotations

import gzip

import pytest

from headwater.delivery.firehose.deaggregation import deaggregated, decompressed, messages
from headwater.delivery.firehose.items import Item
from headwater.delivery.firehose.processing import Deaggregation


def item(data: bytes) -> Item:
    return Item(data, "4900000000000000", 1, "", "", 0, "", data)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (b'{"a":1}{"a":2}', [b'{"a":1}', b'{"a":2}']),
        (b'{"a": "}{"}\n {"b": [1]}\n', [b'{"a": "}{"}', b'{"b": [1]}']),
        (b'[{"a":1}, {"a":2}]', [b'[{"a":1}, {"a":2}]']),
        (b'{"a":1}{"a"', [b'{"a":1}{"a"']),
        (b"\xff", [b"\xff"]),
        (b"{}" * 500, [b"{}"] * 500),
        (b"{}" * 501, [b"{}" * 501]),
    ],
)
def test_json_documents_that_follow_one_another_are_records(data: bytes, parts: list[bytes]) -> None:
    assert [each.data for each in deaggregated([item(data)], Deaggregation(None))] == parts


def test_a_delimiter_separates_records_which_have_ids_of_their_own() -> None:
    found = deaggregated([item(b"a##b####c")], Deaggregation(b"##"))
    assert [each.data for each in found] == [b"a", b"b", b"c"]
    assert [each.record_id[-6:] for each in found] == ["000000", "000001", "000002"]
    assert [each.raw for each in found] == [b"a##b####c"] * 3


def test_what_is_not_whole_gzip_is_a_failure() -> None:
    packed = gzip.compress(b"data")
    done, failed = decompressed([item(packed), item(packed[:-4]), item(b"plain")], 5)
    assert [each.data for each in done] == [b"data"]
    assert len(failed) == 2
    assert failed[0].document["errorCode"] == "Decompression.InvalidCompressedData"


def test_messages_are_lines_and_control_messages_nothing() -> None:
    data = b'{"messageType": "DATA_MESSAGE", "logEvents": [{"message": "one"}, {"message": "two"}]}'
    control = b'{"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "health"}]}'
    found = messages([item(data), item(control), item(b"plain"), item(b'{"other": 1}')])
    assert [each.data for each in found] == [b"one\ntwo\n", b"plain", b'{"other": 1}']
