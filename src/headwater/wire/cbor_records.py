"""Long lists of records as CBOR: what many have in common is written once, as a form to fill in.

Refuses to know how other documents are written: it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, TypeAlias

from headwater.model.alike_records import alike_records
from headwater.model.cut_payloads import size_in_all
from headwater.model.forms import filled_in, literal
from headwater.model.instant import Instant
from headwater.model.record import LARGE_BYTES, plain_records
from headwater.model.record_list import NumberedRun, PlacementList, RecordList
from headwater.model.sequence_number import MANY, common_beginning
from headwater.wire.cbor_heads import (
    ARRAY,
    BYTES,
    BYTES_HEADS,
    MAP,
    TEXT,
    TEXT_HEADS,
    encoded_name,
    head,
    instant_item,
)

DECODED_AT_ONCE = 256
"""So many records, and the others of their time: more would be out of the processor's cache when written."""
KEPT_ALONE_BYTES = 16 * 1024
"""What is written of so many bytes of small records that arrived together is kept for the next reader."""

Write: TypeAlias = Callable[[bytes], None]
"""Takes the next piece of an answer's body."""
WriteDocument: TypeAlias = Callable[[Mapping[str, Any], Write], None]

_SEQUENCE_NUMBER, _SHARD_ID = encoded_name("SequenceNumber"), encoded_name("ShardId")
_ARRIVAL, _DATA = encoded_name("ApproximateArrivalTimestamp"), encoded_name("Data")
_KEY = encoded_name("PartitionKey")
_data_of, _key_of = attrgetter("data"), attrgetter("partition_key")


def write_records(records: RecordList, write: Write, write_document: WriteDocument) -> None:
    """Write the list; `write_document` takes what is not plain."""
    write(head(ARRAY, len(records)))
    gathered: list[NumberedRun] = []
    count = 0
    for run in records.runs:
        kept = records.kept_text(run, "cbor") if len(run.payloads) >= MANY else None
        is_kept = kept is not None or _is_worth_keeping(run)
        alike = None if is_kept else alike_records(run.payloads)
        if not (is_kept or alike):
            gathered.append(run)
            count += len(run.payloads)
        if gathered and (is_kept or alike or count >= DECODED_AT_ONCE):
            write(_encoded_runs(gathered, write_document))
            gathered, count = [], 0
        if is_kept:
            write(kept or records.text(run, "cbor", partial(_encoded_run, write_document)))
        elif alike:
            write(_form_filled_in(run, *alike))
    write(_encoded_runs(gathered, write_document))


def _is_worth_keeping(run: NumberedRun) -> bool:
    return KEPT_ALONE_BYTES <= size_in_all(run.payloads) <= LARGE_BYTES * len(run.payloads)


def _encoded_run(write_document: WriteDocument, run: NumberedRun) -> bytes:
    alike = alike_records(run.payloads)
    return _form_filled_in(run, *alike) if alike else _encoded_runs([run], write_document)


def _encoded_runs(runs: list[NumberedRun], write_document: WriteDocument) -> bytes:
    pieces: list[bytes] = []
    _write_runs(runs, pieces.append, write_document)
    return b"".join(pieces)


def _write_runs(runs: list[NumberedRun], write: Write, write_document: WriteDocument) -> None:
    plain = plain_records([payload for run in runs for payload in run.payloads])
    if plain is None:
        for document in RecordList(runs).documents():
            write_document(document, write)
        return
    begin = 0
    for run in runs:
        numbers = run.sequence_numbers
        records, begin = plain[begin : begin + len(numbers)], begin + len(numbers)
        if len(numbers) >= MANY:
            datas, keys = list(map(_data_of, records)), list(map(str.encode, map(_key_of, records)))
            write(_form_filled_in(run, datas, keys))
            continue
        start, middle = _common_parts(run)
        for number, record in zip(numbers, records, strict=True):
            data, key = record.data, record.partition_key.encode()
            data_head, key_head = head(BYTES, len(data)), head(TEXT, len(key))
            write(b"%b%d%b%b%b%b%b%b" % (start, number, middle, data_head, data, _KEY, key_head, key))


def _common_parts(run: NumberedRun) -> tuple[bytes, bytes]:
    """What stands in each of its records before the number, and between the number and the data."""
    digits = len(str(run.sequence_numbers[0]))  # of all numbers
    start = b"%b%b%b" % (head(MAP, 4), _SEQUENCE_NUMBER, head(TEXT, digits))
    return start, b"%b%b%b" % (_ARRIVAL, instant_item(Instant(run.arrival_ms)), _DATA)


def _form_filled_in(run: NumberedRun, datas: Sequence[bytes], keys: Sequence[bytes]) -> bytes:
    """Records that have a beginning and a middle in common, written at once: these are a form to fill in."""
    start, middle = _common_parts(run)
    beginning, rests = common_beginning(run.sequence_numbers)
    data_form, data_items = _in_form(BYTES, datas)
    key_form, key_items = _in_form(TEXT, keys)
    form = b"%b%b%%d%b%b%b%b" % (literal(start), beginning, literal(middle), data_form, _KEY, key_form)
    return filled_in(form, len(datas), rests, *data_items, *key_items)


def _in_form(kind: int, strings: Sequence[bytes]) -> tuple[bytes, tuple[Iterable[bytes], ...]]:
    """The place of strings in a form, and what is filled in: they, and their heads unless all are alike."""
    lengths = list(map(len, strings))
    if lengths[0] == lengths[-1] and lengths.count(lengths[0]) == len(lengths):
        return literal(head(kind, lengths[0])) + b"%b", (strings,)
    heads = BYTES_HEADS if kind == BYTES else TEXT_HEADS
    try:
        return b"%b%b", (list(map(heads.__getitem__, lengths)), strings)
    except IndexError:
        return b"%b%b", ([head(kind, length) for length in lengths], strings)


def write_placements(records: PlacementList, write: Write) -> None:
    """Write where records are: each place as one text, with bytes as characters, which costs half."""
    write(head(ARRAY, len(records)))
    if not len(records):
        return
    # Joining the columns takes less than a text for each record. All numbers are there, and of one length.
    numbers: list[Any] = records.sequence_numbers
    start = (head(MAP, 2) + _SEQUENCE_NUMBER + head(TEXT, len(numbers[0]))).decode("latin-1")
    pieces = [start, "", ""] * len(numbers)
    pieces[1::3] = numbers
    pieces[2::3] = map(_ShardIds().__getitem__, records.shard_ids)
    write("".join(pieces).encode("latin-1"))


class _ShardIds(dict[str, str]):
    """The member that names a shard, as characters."""

    def __missing__(self, shard_id: str) -> str:
        text = shard_id.encode()
        item = self[shard_id] = (_SHARD_ID + head(TEXT, len(text)) + text).decode("latin-1")
        return item
