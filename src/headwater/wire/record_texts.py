"""Records in a JSON body as what is stored of them: cut out of it, and not written anew.

What is stored of a small record is its text (`model.record`), which is what most clients send, but for
blanks. So where all records of a list have data and key at the same places, a few calls find that
out, and cut; they are not parsed one by one, either.

Rules:
- what a parser would look at is looked at: each character is the form's, a digit of base64, or one that
  a key has without escapes;
- the first record stays in the body, to be parsed with the rest of it;
- the data of large records is stored as it is: each of them, alike or not, is found by those before it;
- what is otherwise is left as it is.

Refuses to know which sizes data and keys may have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import add, attrgetter, itemgetter
from typing import Any, NamedTuple, overload

import msgspec

from headwater.model.alike_records import ALIKE_MIN, decode_alike, encode_columns, unpacker
from headwater.model.new_records import NewRecords, RecordTexts, even_texts
from headwater.model.record import LARGE_BYTES, PADS_MAX
from headwater.wire.json_format import LAST_DIGITS, decode_canonical

LARGE_MIN = 4
"""Of fewer large records nothing is gained."""
RECORDS_MAX = 1000
"""More are not looked at: no request may have so many, and forms of them would be kept."""
PLAIN = bytes(code for code in range(ord(" "), 0x7F) if code not in b'"\\')
"""The characters of a key that are the same in its text, of those in ASCII."""
_QUOTE = b'"'
_ESCAPE, _DELETE = ord("\\"), 0x7F
_BETWEEN = b"},{"
_DIGITS = tuple((size + 2) // 3 * 4 for size in range(LARGE_BYTES + 1))
"""Of data in base64, by its size, pads included."""
_data_of, _partition_key_of, _second = attrgetter("Data"), attrgetter("PartitionKey"), itemgetter(slice(1, 2))
_AROUND = len('"Data":"","PartitionKey":""')
"""What a text has besides digits and key."""


class _Style(NamedTuple):
    """What stands around data and key of a record, and between two records."""

    opening: bytes
    middle: bytes
    closing: bytes
    separator: bytes
    """The closing ends with it."""
    is_stored: bool
    """What is between the braces is what is stored."""


_STORED = _Style(b'{"Data":"', b'","PartitionKey":"', b'"},', b",", is_stored=True)
_STYLES = (
    _STORED,
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


def records_in(body: bytes, entries: Sequence[Any]) -> RecordTexts | None:
    """The entries that were read from a body, if it has them as they are stored; else `None`.

    In ASCII and without escapes nothing but a record begins with a quote and a D, and a record is as
    short as can be if it has nothing but data and key, and no blanks.
    """
    start, count = body.find(b"[{") + 1, len(entries)
    if count < ALIKE_MIN or not body.startswith(_STORED.opening, start) or not _is_plain(body):
        return None
    data_bytes = list(map(len, map(_data_of, entries)))
    if max(data_bytes) > LARGE_BYTES:
        return None
    text = body[start + 1 : body.rfind(b"}]")]
    keys, texts = list(map(_partition_key_of, entries)), text.split(_BETWEEN)
    if None in keys or len(texts) != count or b"".join(map(_second, texts)) != b"D" * count:
        return None
    key_bytes = list(map(len, keys))
    shortest = sum(map(_DIGITS.__getitem__, data_bytes)) + sum(key_bytes) + _AROUND * count
    if len(text) != shortest + len(_BETWEEN) * (count - 1):
        return None
    return RecordTexts(texts, keys, data_bytes, list(map(add, data_bytes, key_bytes)))


def _is_plain(body: bytes) -> bool:
    """Whether a key that is there as it is is so in what is stored, too."""
    return body.isascii() and _ESCAPE not in body and _DELETE not in body


class TakenRecords(NamedTuple):
    """Records, and the body in which the first of them is alone."""

    records: NewRecords
    rest: bytes


def take_records(body: bytes) -> TakenRecords | None:
    """The records of a list in the body, if it ends with them and they are large or alike; else `None`."""
    start, end = body.find(b"[{") + 1, body.rfind(b"}]") + 1
    form = _form_of(body, start)
    if form is None:
        return None
    is_large = form.data_end - form.data_at + form.pads > _DIGITS[-1]
    records = (_large if is_large else _alike)(body, start, end, form)
    if records is None:
        return None
    return TakenRecords(records, body[: start + form.size - len(form.style.separator)] + body[end:])


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


def _is_alike(body: bytes, start: int, end: int, form: _Form) -> bool:
    """Whether all records have the same around data and keys, and a digit that may be before pads."""
    sample = body[start : start + form.key_end] + form.style.closing
    last_digits = LAST_DIGITS[form.pads]
    return are_same(body, start, end, sample, form.around()) and not (
        last_digits and body[start + form.data_end - 1 : end : form.size].translate(None, last_digits)
    )


def are_same(body: bytes, start: int, end: int, sample: bytes, places: Iterable[int]) -> bool:
    """Whether what is as long as a sample, again and again, has at some places what the sample has."""
    size = len(sample)
    for at in places:
        column = body[start + at : end : size]
        if column != sample[at : at + 1] * len(column):
            return False
    return True


def _alike(body: bytes, start: int, end: int, form: _Form) -> RecordTexts | None:
    """Records of which the texts are stored, if all have the same places."""
    # 1. What stands around data and keys.
    style, data_at, data_end, pads, key_at, key_end = form
    size = form.size
    count, odd = divmod(end - start + len(style.separator), size)
    if odd or not ALIKE_MIN <= count <= RECORDS_MAX or not _is_alike(body, start, end, form):
        return None
    # 2. Data and keys.
    text = body[start:end] + style.separator
    digits = unpacker(f"{data_at}x{data_end - data_at}s{size - data_end}x", count)(text)
    keys = unpacker(f"{key_at}x{key_end - key_at}s{len(style.closing)}x", count)(text)
    data_bytes = _data_bytes(digits, pads)
    if not 0 < data_bytes <= LARGE_BYTES or b"".join(keys).translate(None, PLAIN):
        return None
    # 3. What is stored of them.
    if style.is_stored:
        texts: Sequence[bytes] = unpacker(f"x{size - 3}s2x", count)(text)
    else:
        texts = encode_columns(digits, pads, keys, b"")
    return even_texts(texts, keys, data_bytes)


def _data_bytes(digits: Sequence[bytes], pads: int) -> int:
    """Of how many bytes each is the base64, without its pads; 0 for what is none."""
    try:
        decoded_bytes = len(decode_alike(digits, pads))
    except ValueError:
        return 0
    each_bytes = (len(digits[0]) + pads) // 4 * 3
    # A pad in the last one, where none is wanted, is the end of them all, too.
    return each_bytes - pads if decoded_bytes == each_bytes * len(digits) else 0


def _large(body: bytes, start: int, end: int, form: _Form) -> NewRecords | None:
    """Records of which the data is stored as it is, from one to the next."""
    found = _places(body, start, end, form)
    if found is None or len(found) < LARGE_MIN:
        return None
    keys = [body[key_at:key_end] for _, _, key_at, key_end in found]
    if b"".join(keys).translate(None, PLAIN):
        return None
    whole = memoryview(body)
    try:
        datas = [decode_canonical(whole[data_at:data_end]) for data_at, data_end, _, _ in found]
    except ValueError:
        return None
    return NewRecords(datas, list(map(bytes.decode, keys)), [None] * len(keys))


def _places(body: bytes, start: int, end: int, form: _Form) -> list[tuple[int, int, int, int]] | None:
    """Where data and keys of records begin and end. In what seems to be data there may be quotes."""
    opening, middle, closing, separator, _ = form.style
    last_closing = closing.removesuffix(separator)
    find, starts_with = body.find, body.startswith
    size, at = form.data_end - form.data_at + form.pads, start
    found: list[tuple[int, int, int, int]] = []
    while starts_with(opening, at) and len(found) < RECORDS_MAX:
        data_at = at + len(opening)
        data_end = data_at + size  # as that of the one before: to look for it takes longer than all else
        if not starts_with(middle, data_end):
            data_end = find(_QUOTE, data_at)
            if not starts_with(middle, data_end):
                return None
            size = data_end - data_at
        key_at = data_end + len(middle)
        key_end = find(_QUOTE, key_at)
        found.append((data_at, data_end, key_at, key_end))
        at = key_end + len(closing)
        if not starts_with(closing, key_end):
            is_last = key_end + len(last_closing) == end and starts_with(last_closing, key_end)
            return found if is_last else None
    return None


class WrittenEntries(Sequence[Any]):
    """The list of a request whose body has what is stored; each entry is made when it is asked for."""

    __slots__ = ("_kind", "_made", "records")

    def __init__(self, records: NewRecords, kind: type[msgspec.Struct]) -> None:
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
