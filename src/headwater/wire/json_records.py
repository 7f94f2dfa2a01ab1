"""Long lists of records as JSON: a record is kept as its text, so most of writing is joining.

What is long is a part of its own that is written when it is sent, or kept for the next reader.

Refuses to know what stands around a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from pybase64 import b64encode

from headwater.model.alike_records import alike_large_records
from headwater.model.cut_payloads import size_at_most, size_in_all
from headwater.model.forms import filled_in
from headwater.model.record import DATA_START, Payload, are_texts, parts_of_large
from headwater.model.record_list import NumberedRun, PlacementList, RecordList
from headwater.model.sequence_number import MANY, common_beginning
from headwater.wire.long_body import PART_BYTES, LatePart, Part, written

LATE_BYTES = 16 * 1024
"""Records of so many bytes that arrived together are a part of their own, written when it is sent."""

_SEPARATOR = b"},"
_NUMBER = _SEPARATOR + b'{"SequenceNumber":"'

_LargePieces: TypeAlias = tuple[Sequence[bytes], Sequence[Payload], Sequence[bytes]]
"""Of each of some records: what stands before its data, the data as it is kept, and what stands after it."""


def write_records(records: RecordList) -> list[Part]:
    """The list's records, with commas between them."""
    parts: list[Part] = []
    pieces: list[Payload] = []
    gathered_bytes = 0
    for run in records.runs:
        is_long = len(run.payloads) >= MANY or size_at_most(run.payloads) >= LATE_BYTES
        late: Part | None = records.kept_text(run, "json") if is_long else None
        if late is None and size_in_all(run.payloads) >= LATE_BYTES:
            late = _late_run(records, run)
        if late is None:
            gathered_bytes += _write_run(run, pieces)
        if pieces and (late is not None or gathered_bytes >= PART_BYTES):
            parts.append(b"".join(pieces))  # now, while the processor has them at hand
            pieces.clear()
            gathered_bytes = 0
        if late is not None:
            parts.append(late)
    if pieces:
        parts.append(b"".join(pieces))
    if parts:
        parts[0] = _WithoutSeparator(parts[0])
        parts.append(b"}")
    return parts


def _write_run(run: NumberedRun, pieces: list[Payload]) -> int:
    """Add the texts of records that arrived together; how many bytes these have."""
    if not are_texts(run.payloads):
        text = _joined_large(_large_pieces(run))
    elif len(run.payloads) >= MANY:
        text = _text_of_run(run)
    else:
        number, time = _NUMBER, _time(run.arrival_ms)
        size = 0
        for sequence_number, payload in zip(run.sequence_numbers, run.payloads, strict=True):
            pieces += (b"%b%d%b" % (number, sequence_number, time), payload)
            size += len(payload)
        return size
    pieces.append(text)
    return len(text)


def _text_of_run(run: NumberedRun) -> bytes:
    """What is the same in all is a form, filled in at once."""
    sequence_numbers, arrival_ms, payloads = run
    beginning, rests = common_beginning(sequence_numbers)
    form = b"%b%b%%d%b%%b" % (_NUMBER, beginning, _time(arrival_ms))
    return filled_in(form, len(payloads), rests, payloads)


def _late_run(records: RecordList, run: NumberedRun) -> LatePart | None:
    """The texts of many records, or large ones, if their size can be told."""
    if not are_texts(run.payloads):
        return _LargeRun(records, run)
    digits = len(b"%d" % run.sequence_numbers[0])
    if len(run.payloads) < MANY or digits != len(b"%d" % run.sequence_numbers[-1]):
        return None
    return _TextRun(records, run, digits)


class _TextRun:
    """Records that arrived together, as they are in an answer."""

    __slots__ = ("_records", "_run", "_size")

    def __init__(self, records: RecordList, run: NumberedRun, digits: int) -> None:
        """They are a run of the list, and their numbers have so many `digits`."""
        self._records = records
        self._run = run
        rest_bytes = len(_NUMBER) + digits + len(_time(run.arrival_ms))
        self._size = size_in_all(run.payloads) + len(run.payloads) * rest_bytes

    def __len__(self) -> int:
        return self._size

    def written(self) -> bytes:
        """Their text."""
        return self._records.text(self._run, "json", _text_of_run)


class _LargeRun:
    """The same where some of the records are large: of these the data is as it is kept, until it is sent."""

    __slots__ = ("_pieces", "_records", "_run")

    def __init__(self, records: RecordList, run: NumberedRun) -> None:
        """They are a run of the list."""
        self._records = records
        self._run = run
        self._pieces = _large_pieces(run)

    def __len__(self) -> int:
        befores, datas, afters = self._pieces
        texts = sum(map(len, befores)) + sum(map(len, afters))
        return texts + sum([-len(data) // 3 * -4 for data in datas])

    def written(self) -> bytes:
        """Their text."""
        return self._records.text(self._run, "json", self._write)

    def _write(self, _run: NumberedRun) -> bytes:
        return _joined_large(self._pieces)


def _large_pieces(run: NumberedRun) -> _LargePieces:
    numbers, arrival_ms, payloads = run
    time = _time(arrival_ms)
    alike = alike_large_records(payloads)
    if alike is not None:
        rests, large_datas = alike
        form = b'%b%%d%b%b\n"%%b\n' % (_NUMBER, time, DATA_START)
        *halves, _ = filled_in(form, len(rests), numbers, rests).split(b"\n")  # which no text of a record has
        return halves[0::2], large_datas, halves[1::2]
    befores, afters = [], []
    datas: list[Payload] = []
    for number, payload in zip(numbers, payloads, strict=True):
        data: Payload = b""
        before, after = b"%b%d%b" % (_NUMBER, number, time), b""
        if payload[0]:  # `is_large`, written out
            before += bytes(payload)
        else:
            rest, data = parts_of_large(payload)
            before, after = before + DATA_START, b'"' + rest
        befores.append(before)
        datas.append(data)
        afters.append(after)
    return befores, datas, afters


def _joined_large(pieces: _LargePieces) -> bytes:
    befores, datas, afters = pieces
    texts = [b""] * (3 * len(datas))
    texts[0::3] = befores
    texts[1::3] = map(b64encode, datas)
    texts[2::3] = afters
    return b"".join(texts)


class _WithoutSeparator:
    """The first part of a list."""

    __slots__ = ("_part",)

    def __init__(self, part: Part) -> None:
        self._part = part

    def __len__(self) -> int:
        return len(self._part) - len(_SEPARATOR)

    def written(self) -> memoryview:
        """The part without what is between two records."""
        return memoryview(written(self._part))[len(_SEPARATOR) :]


def _time(arrival_ms: int) -> bytes:
    """What stands between a record's number and its own text."""
    return f'","ApproximateArrivalTimestamp":{seconds(arrival_ms)},'.encode()


def write_placements(records: PlacementList) -> list[Part]:
    """Where records are, with commas between the places."""
    if not len(records):
        return []
    # Joining the columns takes a third of a text for each record.
    pieces: list[Any] = ['"},{"SequenceNumber":"', "", '","ShardId":"', ""] * len(records)
    pieces[0] = '{"SequenceNumber":"'
    pieces[1::4] = records.sequence_numbers
    pieces[3::4] = records.shard_ids
    pieces.append('"}')
    return ["".join(pieces).encode()]


def seconds(time_ms: int) -> int | float:
    """A time as it is in an answer, with up to three decimals."""
    return time_ms / 1000 if time_ms % 1000 else time_ms // 1000
