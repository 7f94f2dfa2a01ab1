"""AWS JSON 1.1: a body to a document and an answer to a body.

Rules:
- a body is one JSON object in UTF-8; anything else, whatever is wrong with it,
  is a `SerializationException` without a message, as AWS answers it;
- in a document a blob is still base64 text and a time still a number of seconds:
  only the shape of a request tells them from other values;
- in an answer a blob is `bytes`, a time an `Instant`.

This module refuses to know operations and their shapes.
"""

from __future__ import annotations

from binascii import a2b_base64
from codecs import getincrementaldecoder
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from pybase64 import b64decode

from headwater.model.errors import SerializationException
from headwater.model.instant import Instant
from headwater.model.record import ENCRYPTED, Payload, unencrypted_text_of
from headwater.model.record_list import PlacementList, QueueRecordList, RecordList
from headwater.wire.json_records import seconds, write_placements, write_records
from headwater.wire.long_body import PART_BYTES, Body, LongBody, Part

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""All that msgspec raises for a body that it does not take."""

MANY_VALUES = 4_096
"""Commas and opening brackets in a body, which are as many as its values or more.

The largest valid PutRecords has 2,500, unless its partition keys are made of them.
"""
_CHECKED_BYTES = 64 * 1024

_END = slice(-len(ENCRYPTED), None)
"""Of a payload: where an encrypted one says so."""
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
LAST_DIGITS = (b"", b"AEIMQUYcgkosw048", b"AQgw")
"""What may stand before so many pads of base64: of other digits some bits belong to no byte."""
_PAD = ord("=")

_TIME_LIMIT_MS = 2**63 - 1
_TIME_LIMIT_S = _TIME_LIMIT_MS // 1000


class NotBase64(ValueError):
    """The text is no base64 that AWS takes; the message is AWS's reason."""


def decode(body: bytes) -> dict[str, Any]:
    """The document in a request's body; of a repeated member the last one counts.

    Raises SerializationException.
    """
    try:
        document = _document_decoder.decode(body)
    except UNREADABLE:
        raise SerializationException from None
    if not isinstance(document, dict):
        raise SerializationException
    return document


def has_many_values(body: bytes) -> bool:
    """Whether the body has more values than a usual request: their objects would be many times its size."""
    most = MANY_VALUES
    for separator in (b",", b"{", b"["):
        most -= body.count(separator)
        if most < 0:
            return True
    return False


def check(body: bytes) -> None:
    """Raise `SerializationException` for a body that `decode` does not take.

    Of one with many values no document is made.
    """
    if not has_many_values(body):
        decode(body)
        return
    try:
        _skipping_decoder.decode(body)
        check_utf_8(body)
    except UNREADABLE:
        raise SerializationException from None


def check_utf_8(body: bytes) -> None:
    """Raise `UnicodeDecodeError`, a part at a time: msgspec does not look at the text that it passes over."""
    if body.isascii():
        return
    decoder = getincrementaldecoder("utf-8")()
    for start in range(0, len(body), _CHECKED_BYTES):
        decoder.decode(body[start : start + _CHECKED_BYTES])
    decoder.decode(b"", final=True)


def decode_blob(text: str) -> bytes:
    """The bytes of a base64 text. Raises `NotBase64` for any but the one canonical spelling."""
    if len(text) & 3:
        raise NotBase64(_why_not(text))
    try:
        data = a2b_base64(text, strict_mode=True)
    except ValueError:
        raise NotBase64(_why_not(text)) from None
    if text[-1:] == "=":
        _check_padding(text, len(data))
    return data


def _check_padding(text: str, decoded_length: int) -> None:
    pads = 2 if text[-2] == "=" else 1
    if decoded_length != len(text) // 4 * 3 - pads:  # more than two pads: Python takes "AAAA===="
        raise NotBase64(_why_not(text))
    if ord(text[-1 - pads]) not in LAST_DIGITS[pads]:
        raise NotBase64("Invalid last non-pad Base64 character dectected")  # AWS's spelling


def ends_canonically(text: bytes | memoryview, pads: int) -> bool:
    """Whether a base64 text, of more characters than that, ends with so many pads, and canonically."""
    if pads == 1:
        return text[-1] == _PAD and text[-2] in LAST_DIGITS[1]
    return pads == 2 and text[-1] == text[-2] == _PAD and text[-3] in LAST_DIGITS[2]


def decode_canonical(text: memoryview) -> bytes:
    """The bytes of a base64 text. Raises `ValueError` for any but the one canonical spelling."""
    data = b64decode(text, validate=True)
    missing_bytes = len(text) // 4 * 3 - len(data)
    if len(text) & 3 or (missing_bytes and not ends_canonically(text, missing_bytes)):
        raise ValueError(missing_bytes)
    return data


def _why_not(text: str) -> str:
    units = utf16_length(text)
    if units & 3:
        return f"Base64 encoded length is expected a multiple of 4 bytes but found: {units}"
    # A pad that is not at the end stays in `unpadded`, as an offender. With none the pads are too many.
    unpadded = text.rstrip("=")
    offender = next((character for character in unpadded if character not in _ALPHABET), "=")
    return f"Invalid Base64 character: '{offender}'"


def decode_time_ms(seconds: float) -> int:
    """The nearest whole millisecond to a number of seconds, within a signed 64-bit number."""
    if not -_TIME_LIMIT_S < seconds < _TIME_LIMIT_S:
        return _TIME_LIMIT_MS if seconds > 0 else -_TIME_LIMIT_MS
    return round(seconds * 1000)


def utf16_length(text: str) -> int:
    """The length of a text as Java, and so AWS, counts it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def encode(answer: Mapping[str, object] | None) -> bytes:
    """The body of an answer; an operation without output has an empty one."""
    return bytes(encode_body(answer))


def encode_body(answer: Mapping[str, object] | None) -> Body:
    """The same, in parts if it is long: of large records a copy of all costs more than writing them."""
    if answer is None:
        return b""
    if "QueueRecords" in answer:
        return _encode_received(answer)
    write = _LIST_WRITERS.get(type(answer["Records"])) if "Records" in answer else None
    if write is None:
        return _answer_encoder.encode(answer)
    records = answer["Records"]
    rest = _answer_encoder.encode({name: value for name, value in answer.items() if value is not records})
    begin = rest[:-1] + (b'"Records":[' if rest == b"{}" else b',"Records":[')
    parts = (begin, *write(records), b"]}")
    body = LongBody(parts)
    return body if len(body) > PART_BYTES else bytes(body)


def _encode_received(answer: Mapping[str, object]) -> bytes:
    """An answer whose records, which were received from a queue, are its only member."""
    records = answer["QueueRecords"]
    if len(answer) > 1 or not isinstance(records, QueueRecordList):
        return _answer_encoder.encode(answer)
    pieces: list[Payload] = []
    begin = '{"QueueRecords":[{'
    times, of_arrival_ms, of_first_ms = "", -1, -1  # often the same in a row
    for handle, record_id, payload, arrival_ms, first_ms, receives in records.received:
        if arrival_ms != of_arrival_ms or first_ms != of_first_ms:
            times, of_arrival_ms, of_first_ms = _received_times(arrival_ms, first_ms), arrival_ms, first_ms
        head = f'{begin}"ReceiptHandle":"{handle}","RecordId":"{record_id}","ReceiveCount":{receives},{times}'
        if payload[0] and payload[_END] != ENCRYPTED:  # `unencrypted_text_of`, written out
            pieces += (head.encode(), payload)
        else:
            pieces += (head.encode(), *unencrypted_text_of(payload))
        begin = "},{"
    pieces.append(b"}]}" if pieces else b'{"QueueRecords":[]}')
    return b"".join(pieces)


def _received_times(arrival_ms: int, first_ms: int) -> str:
    return (
        f'"ApproximateArrivalTimestamp":{arrival_ms // 1000}.{arrival_ms % 1000:03},'
        f'"FirstReceiveTimestamp":{first_ms // 1000}.{first_ms % 1000:03},'
    )


def _encode_instant(value: object) -> int | float:
    """Seconds, with up to three decimals."""
    if not isinstance(value, Instant):
        raise TypeError(f"an answer cannot carry a {type(value).__name__}")
    return seconds(value.ms)


class _Nothing(msgspec.Struct):
    """An object whose members are passed over."""


_skipping_decoder = msgspec.json.Decoder(_Nothing)
_document_decoder = msgspec.json.Decoder()
_answer_encoder = msgspec.json.Encoder(enc_hook=_encode_instant)
_LIST_WRITERS: dict[type, Callable[[Any], list[Part]]] = {
    RecordList: write_records,
    PlacementList: write_placements,
}
