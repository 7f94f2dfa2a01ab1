"""Records of one size in a JSON body, taken out of it as they are: by columns, and not parsed one by one.

What is stored of a small record is its text (`model.record`), which is what most clients send, but for
blanks. So where all records of a list have data and key at the same places, a few calls find that
out, and cut.

Rules:
- what a parser would look at is looked at: each character is the form's, a digit of base64, or one that
  a key has without escapes;
- the first record stays in the body, to be parsed with the rest of it;
- what is not alike is left as it is.

Refuses to know how many records a request may have, and of which size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, overload

import msgspec

from headwater.model.alike_records import ALIKE_MIN, decode_alike, encode_columns, unpacker
from headwater.model.new_records import RecordTexts
from headwater.model.record import LARGE_BYTES, PADS_MAX

PLAIN = bytes(code for code in range(ord(" "), 0x7F) if code not in b'"\\')
"""The characters of a key that are the same in its text, of those in ASCII."""
_LAST_DIGITS = (b"", b"AEIMQUYcgkosw048", b"AQgw")
"""What may stand before so many pads: of other digits some bits belong to no byte."""
_QUOTE = b'"'


class _Style(NamedTuple):
    """What stands around data and key of a record, and between two records."""

    opening: bytes
    middle: bytes
    closing: bytes
    separator: bytes
    """The closing ends with it."""
    is_stored: bool
    """What is between the braces is what is stored."""


_STYLES = (
    _Style(b'{"Data":"', b'","PartitionKey":"', b'"},', b",", is_stored=True),
    _Style(b'{"Data": "', b'", "PartitionKey": "', b'"}, ', b", ", is_stored=False),
)
"""Of most programs, and of those in Python."""


class _Form(NamedTuple):
    """Where data and key are in each of some records."""

    style: _Style
    data_at: int
    data_end: int
    """Of its digits: pads come after them."""
    pads: int
    key_at: int
    key_end: int

    @property
    def size(self) -> int:
        """Of a record with what is between it and the next one."""
        return self.key_end + len(self.style.closing)

    def around(self) -> list[int]:
        """The places that are the same in all."""
        return [
            *range(self.data_at),
            *range(self.data_end, self.key_at),
            *range(self.key_end, self.size),
        ]


class TakenRecords(NamedTuple):
    """Records, and the body in which the first of them is alone."""

    records: RecordTexts
    rest: bytes


def take_records(body: bytes) -> TakenRecords | None:
    """The records of a list in the body, if it ends with them and they are alike; else `None`."""
    # 1. The first record says what the others have to be like.
    start, end = body.find(b"[{") + 1, body.rfind(b"}]") + 1
    form = _form_of(body, start)
    if form is None:
        return None
    text = body[start:end] + form.style.separator
    count, odd = divmod(len(text), form.size)
    if odd or count < ALIKE_MIN or not _is_alike(text, form, count):
        return None
    # 2. Data and keys.
    style, data_at, data_end, pads, key_at, key_end = form
    digits = unpacker(f"{data_at}x{data_end - data_at}s{form.size - data_end}x", count)(text)
    keys = unpacker(f"{key_at}x{key_end - key_at}s{len(style.closing)}x", count)(text)
    data_bytes = _data_bytes(digits, pads)
    if not 0 < data_bytes <= LARGE_BYTES or b"".join(keys).translate(None, PLAIN):
        return None
    # 3. What is stored of them.
    if style.is_stored:
        texts: Sequence[bytes] = unpacker(f"x{form.size - 3}s2x", count)(text)
    else:
        texts = encode_columns(digits, pads, keys, b"")
    records = RecordTexts(texts, list(map(bytes.decode, keys)), data_bytes)
    return TakenRecords(records, body[: start + form.size - len(style.separator)] + body[end:])


def _form_of(body: bytes, start: int) -> _Form | None:
    """Of a record that starts there."""
    style = next((style for style in _STYLES if body.startswith(style.opening, start)), None)
    if style is None:
        return None
    data_at = len(style.opening)
    data_end = body.find(_QUOTE, start + data_at) - start
    key_at = data_end + len(style.middle)
    key_end = body.find(_QUOTE, start + key_at) - start
    pads = body.count(b"=", start + data_end - PADS_MAX, start + data_end)
    if key_end < key_at or not body.startswith(style.middle, start + data_end):
        return None
    return _Form(style, data_at, data_end - pads, pads, key_at, key_end)


def _is_alike(text: bytes, form: _Form, count: int) -> bool:
    """Whether so many records have the same around data and keys, and a digit that may be before pads."""
    sample = text[: form.key_end] + form.style.closing
    last_digits = _LAST_DIGITS[form.pads]
    return are_same(text, sample, count, form.around()) and not (
        last_digits and text[form.data_end - 1 :: form.size].translate(None, last_digits)
    )


def are_same(text: bytes, sample: bytes, count: int, places: Iterable[int]) -> bool:
    """Whether a text, which is as long as so many samples, has at some places of each what the sample has."""
    size = len(sample)
    return all(text[at::size] == sample[at : at + 1] * count for at in places)


def _data_bytes(digits: Sequence[bytes], pads: int) -> int:
    """Of how many bytes each is the base64, without its pads; 0 for what is none."""
    try:
        decoded_bytes = len(decode_alike(digits, pads))
    except ValueError:
        return 0
    each_bytes = (len(digits[0]) + pads) // 4 * 3
    # A pad in the last one, where none is wanted, is the end of them all, too.
    return each_bytes - pads if decoded_bytes == each_bytes * len(digits) else 0


class AlikeEntries(Sequence[Any]):
    """The list of a request of which the records were taken out; each entry is made when it is asked for."""

    __slots__ = ("_kind", "_made", "records")

    def __init__(self, records: RecordTexts, kind: type[msgspec.Struct]) -> None:
        """`kind` is the struct of an entry, whose members have the API's names."""
        self.records = records
        self._kind = kind
        self._made: list[msgspec.Struct] = []

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, at: int) -> Any: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Any]: ...

    def __getitem__(self, at: int | slice) -> Any:
        if not self._made:
            self._made = [self._kind(Data=data, PartitionKey=key) for data, key, _ in self.records]
        return self._made[at]
