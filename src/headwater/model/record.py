"""Records: what a producer gave, and the payload in which a store keeps it.

An answer in JSON has a record as a text, of which the number and the time follow from
the record's place in the store. The rest is

    "Data":"ZGF0YQ==","PartitionKey":"key","EncryptionType":"KMS"

without the key when the producer gave none, without the type when the record is not
encrypted. It is ASCII. A record is written once and read by many, and nearly all
want just this text; so it is the payload of a small record: reading joins payloads and
encodes nothing. A large record would take a third more space so. Its payload is

    0 (u8) · length of the rest of the text (u16) · the rest: from after the data on · the data
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from operator import add, itemgetter
from struct import Struct
from typing import Any, TypeAlias

import msgspec
from pybase64 import b64encode, b64encode_as_string

from headwater.model.cut_payloads import MANY, joined, lengths_of

# The package `json` compiles a dozen patterns when it is imported; not every Python has its inner part.
quoted: Callable[[str], str] = import_module(
    "_json" if find_spec("_json") else "json.encoder"
).encode_basestring_ascii

Payload: TypeAlias = bytes | memoryview
"""The payload of a record, as a store returns it."""

LARGE_BYTES = 1024
"""Data of more bytes than this is kept as it is."""
PAYLOAD_TEXT_BYTES = 64
"""About so much of a payload is neither key nor data."""

DATA_START = b'"Data":"'
_DATA_START = len(DATA_START)
KEY_START = b',"PartitionKey":"'
_ESCAPE = ord("\\")
ENCRYPTED = b',"EncryptionType":"KMS"'
"""How the text of an encrypted record ends, and no other: in a key each quote has a backslash before it."""
DATA_END = b'"' + KEY_START
DATA_END_SHOWN = DATA_END[:4]
"""So much of it is nowhere else in a record: in a key each quote has a backslash before it."""
PADS_MAX = 2
_LARGE_HEAD = Struct(">BH")
LARGE_HEAD_BYTES = _LARGE_HEAD.size
_BETWEEN = b"},{"
_PIECES = 8
"""Of the text of a record with a key without escapes, and no more, if it is cut at its quotes."""


class Record(msgspec.Struct, gc=False):
    """One record, as it was given; the members have their names in answers."""

    data: bytes = msgspec.field(name="Data")
    partition_key: str | None = msgspec.field(name="PartitionKey", default=None)
    encryption_type: str | None = msgspec.field(name="EncryptionType", default=None)


class _DataAlone(msgspec.Struct, gc=False):
    """A record of which nothing but the data is wanted."""

    data: bytes = msgspec.field(name="Data")


class PlainRecord(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A record that has a key and is not encrypted."""

    data: bytes = msgspec.field(name="Data")
    partition_key: str = msgspec.field(name="PartitionKey")


@cache
def _decoder() -> msgspec.json.Decoder[list[Record]]:
    """Made for the first reader who needs it: that takes longer than anything else here."""
    return msgspec.json.Decoder(list[Record])


@cache
def _data_decoder() -> msgspec.json.Decoder[list[_DataAlone]]:
    return msgspec.json.Decoder(list[_DataAlone])


@cache
def _plain_decoder() -> msgspec.json.Decoder[list[PlainRecord]]:
    return msgspec.json.Decoder(list[PlainRecord])


def encode_payload(data: bytes, partition_key: str | None, *, encrypted: bool) -> bytes:
    """The payload to store. A key has at most 65,535 bytes with all that is escaped in it."""
    rest = "" if partition_key is None else f',"PartitionKey":{quoted(partition_key)}'
    if encrypted:
        rest += ENCRYPTED.decode()
    if len(data) > LARGE_BYTES:
        return b"".join((_LARGE_HEAD.pack(0, len(rest)), rest.encode(), data))
    return f'"Data":"{b64encode_as_string(data)}"{rest}'.encode()


def encode_payloads(
    datas: Sequence[bytes], partition_keys: Sequence[str | None], *, encrypted: bool
) -> list[bytes]:
    """The payloads of many, without a call for each."""
    ending = ENCRYPTED.decode() if encrypted else ""
    return [
        f'"Data":"{b64encode_as_string(data)}","PartitionKey":{quoted(key)}{ending}'.encode()
        if len(data) <= LARGE_BYTES and key is not None
        else encode_payload(data, key, encrypted=encrypted)
        for data, key in zip(datas, partition_keys, strict=True)
    ]


def unencrypted_text_of(payload: Payload) -> tuple[Payload, ...]:
    """The text of the same record, as one that is not encrypted has it."""
    if not payload[0]:
        *data, rest = _text_of_large(payload)
        return (*data, rest.removesuffix(ENCRYPTED))
    if payload[-len(ENCRYPTED) :] == ENCRYPTED:
        return (payload[: -len(ENCRYPTED)],)
    return (payload,)


def parts_of_large(payload: Payload) -> tuple[bytes, Payload]:
    """The text of a large record from behind its data on, and the data."""
    rest, data_start = _rest_of_large(payload)
    return rest, payload[data_start:]


def _text_of_large(payload: Payload) -> tuple[bytes, bytes, bytes]:
    rest, data = parts_of_large(payload)
    return DATA_START, b64encode(data), b'"' + rest


def is_large(payload: Payload) -> bool:
    """Whether the payload is other than the record's text in one piece."""
    return not payload[0]


def are_texts(payloads: Sequence[Payload]) -> bool:
    """Whether each payload is the record's text."""
    if max(lengths_of(payloads)) <= LARGE_BYTES:
        return True
    return not is_large(payloads[0]) and not any(map(is_large, payloads))


def record_size(data: bytes, partition_key: str | None) -> int:
    """The size of a record, data and key, in bytes, as limits, metrics and `LogSizes` count it."""
    if partition_key is None:
        return len(data)
    if partition_key.isascii():  # as nearly always: asking costs less than encoding
        return len(data) + len(partition_key)
    return len(data) + len(partition_key.encode())


def record_sizes(datas: Sequence[bytes], partition_keys: Sequence[str | None]) -> list[int]:
    """The size of each of many."""
    keys: Sequence[Any] = partition_keys
    if None not in keys and "".join(keys).isascii():  # as nearly always
        return list(map(add, map(len, datas), map(len, keys)))
    return list(map(record_size, datas, partition_keys))


def size_of(payload: Payload) -> int:
    """The `record_size` of a payload, found without decoding its data."""
    if payload[0]:
        payload = bytes(payload)
        data_end = payload.index(b'"', _DATA_START)
        pads = payload.count(b"=", data_end - 2, data_end)
        return (data_end - _DATA_START) // 4 * 3 - pads + _key_bytes(payload[data_end + 1 :])
    rest, data_start = _rest_of_large(payload)
    return len(payload) - data_start + _key_bytes(rest)


def size_of_all(payloads: Sequence[Payload]) -> int:
    """The same of many in all; of usual ones a few calls for all find it."""
    count = len(payloads)
    if count >= MANY and are_texts(payloads) and b"\\" not in (text := joined(payloads)):
        size = _size_of_even(payloads, text)
        if size is not None:
            return size
        pieces = text.split(b'"')
        if (
            len(pieces) == _PIECES * count + 1
            and pieces[1::_PIECES].count(b"Data") == count
            and pieces[5::_PIECES].count(b"PartitionKey") == count
        ):
            digits, keys = b"".join(pieces[3::_PIECES]), pieces[7::_PIECES]
            return len(digits) // 4 * 3 - digits.count(b"=") + sum(map(len, keys))
    return sum(map(size_of, payloads))


def _size_of_even(payloads: Sequence[Payload], text: bytes) -> int | None:
    """The same if all data are of one size, as their ends show then; the `text` of all has no escapes."""
    count, places = len(payloads), len(DATA_END_SHOWN)
    data_end = text.index(b'"', _DATA_START)
    end_of = itemgetter(slice(data_end - PADS_MAX, data_end + places))
    ends = b"".join(map(end_of, payloads))
    columns = [ends[at :: PADS_MAX + places] for at in range(PADS_MAX + places)]
    if any(column != DATA_END_SHOWN[at : at + 1] * count for at, column in enumerate(columns[PADS_MAX:])):
        return None
    pads = sum(column.count(b"=") for column in columns[:PADS_MAX])
    data_bytes = (data_end - _DATA_START) // 4 * 3 * count - pads
    around = data_end + len(DATA_END) + len(b'"')
    return data_bytes + len(text) - around * count - text.count(ENCRYPTED) * len(ENCRYPTED)


def decode_payloads(payloads: Sequence[Payload]) -> list[Record]:
    """The records of payloads that `encode_payload` made."""
    text, large = _as_list(payloads)
    records = _decoder().decode(text)
    for at, data in large:
        records[at].data = bytes(data)
    return records


def decode_data(payloads: Sequence[Payload]) -> list[bytes]:
    """The data of the same records."""
    text, large = _as_list(payloads)
    datas = [record.data for record in _data_decoder().decode(text)]
    for at, data in large:
        datas[at] = bytes(data)
    return datas


def _as_list(payloads: Sequence[Payload]) -> tuple[bytes, list[tuple[int, Payload]]]:
    """A list in JSON of all records, and the places and data of those that have their data left out."""
    if not payloads:
        return b"[]", []
    text = _BETWEEN.join(payloads)
    if b"\0" not in text:  # which no text of a record has, and every large payload
        return b"[{%b}]" % text, []
    texts = list(payloads)
    large: list[tuple[int, Payload]] = []
    for at, payload in enumerate(payloads):
        if not payload[0]:
            rest, data_start = _rest_of_large(payload)
            texts[at] = b'"Data":""' + rest
            large.append((at, payload[data_start:]))
    return b"[{%b}]" % _BETWEEN.join(texts), large


def plain_records(payloads: Sequence[Payload]) -> list[PlainRecord] | None:
    """The records, if all of them have a key and none is encrypted."""
    if max(map(len, payloads), default=0) > LARGE_BYTES:
        plain = [
            PlainRecord(record.data, record.partition_key)
            for record in decode_payloads(payloads)
            if record.partition_key is not None and record.encryption_type is None
        ]
        return plain if len(plain) == len(payloads) else None
    try:
        return _plain_decoder().decode(b"[{%b}]" % _BETWEEN.join(payloads)) if payloads else []
    except msgspec.ValidationError:
        return None


def _rest_of_large(payload: Payload) -> tuple[bytes, int]:
    """The rest of a large record's text, and where the data starts."""
    data_start = LARGE_HEAD_BYTES + (payload[1] << 8) + payload[2]
    return bytes(payload[LARGE_HEAD_BYTES:data_start]), data_start


def _key_bytes(rest: bytes) -> int:
    if not rest.startswith(KEY_START):
        return 0
    if _ESCAPE in rest:
        (record,) = decode_payloads((b'"Data":""' + rest,))
        return record_size(b"", record.partition_key)
    return rest.index(b'"', len(KEY_START)) - len(KEY_START)
