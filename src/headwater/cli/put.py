"""`headwater put`: records into a stream, one from the command line or one for each line of input.

Rules:
- a record is exactly the bytes before a line feed: a carriage return stays part of
  it, an empty line is an empty record, and a last line needs no line feed;
- batches go one after the other, so that a later line is never stored before an
  earlier one was; only a record that the server refused for the moment is sent
  again, alone, and may come after those that were in its batch;
- input that comes slowly is not held back until a batch is full;
- a line that cannot be stored does not stop the others: it is reported by its number.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import click

from headwater.cli.connection import (
    RETRY_FOR_S,
    ApiError,
    ClientFailure,
    ServerConnection,
    stream_reference,
    with_connection,
)
from headwater.cli.table import draw_table, draws, json_line, json_option, printable, put_progress
from headwater.client.calls.backoff import Backoff
from headwater.client.calls.errors import TRANSIENT_CODES
from headwater.client.calls.put_call import CALL_BYTES_MAX, CALL_RECORDS_MAX, REFUSALS_OF_A_RECORD, halves

CHUNK_BYTES = 256 * 1024
CHUNKS_AHEAD = 16
LINGER_S = 0.1
"""A batch that is not full waits this long for more input."""
REPORTED_LINES = 20


class Line(NamedTuple):
    """A record to be put, and the number of its line, from 1."""

    number: int
    data: bytes
    partition_key: str


class RefusedRecord(NamedTuple):
    """A line that was not stored, and why."""

    number: int
    reason: str


@dataclass
class PutTally:
    """The outcome of the lines so far."""

    records: int = 0
    data_bytes: int = 0
    records_by_shard: dict[str, int] = field(default_factory=dict)
    refused: list[RefusedRecord] = field(default_factory=list)

    def count(self, line: Line, shard_id: str) -> None:
        """Count a line that was stored."""
        self.records += 1
        self.data_bytes += len(line.data)
        self.records_by_shard[shard_id] = self.records_by_shard.get(shard_id, 0) + 1


@click.command(short_help="Put records into a stream.")
@click.argument("stream")
@click.argument("data", required=False)
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File to put line by line.",
)
@click.option(
    "--partition-key",
    metavar="KEY",
    help="Partition key of every record. Default: a random one for each.",
)
@click.option(
    "--partition-key-field",
    metavar="NAME",
    help="Field of each JSON record that has its partition key.",
)
@click.option(
    "--explicit-hash-key",
    metavar="NUMBER",
    help="Hash key of every record, in place of its partition key's: 0 to 2^128-1.",
)
@json_option
@with_connection
def put(
    connection: ServerConnection,
    *,
    stream: str,
    data: str | None,
    path: Path | None,
    partition_key: str | None,
    partition_key_field: str | None,
    explicit_hash_key: str | None,
    as_json: bool,
) -> None:
    """Put DATA into a stream, or each line of a file or of standard input.

    \b
    headwater put orders '{"id": 1}' --partition-key 1
    headwater put orders --file orders.jsonl --partition-key-field id
    tail -f orders.jsonl | headwater put orders

    STREAM is a name or an ARN. A record is the bytes of a line up to, not including, its line
    feed: a carriage return before it is kept, and an empty line is an empty record.

    Records that the server throttles are sent again. Lines that could not be stored
    are named on standard error, and the exit code is 1.
    """  # noqa: D301 - click keeps the lines of a paragraph that begins with a backspace
    if partition_key is not None and partition_key_field is not None:
        raise click.UsageError("--partition-key and --partition-key-field exclude each other")
    if data is not None and path is not None:
        raise click.UsageError("DATA and --file exclude each other")
    sender = BatchSender(connection, stream, explicit_hash_key)
    key_of = _partition_key_chooser(partition_key, partition_key_field)
    if data is not None and data != "-":
        _put_one(sender, os.fsencode(data), key_of, draws(as_json))
        return
    put_lines(sender, path, lambda data: (data, key_of(data)), is_drawn=draws(as_json))


class BatchSender:
    """Puts batches of lines into one stream and tallies what became of them."""

    def __init__(self, connection: ServerConnection, stream: str, explicit_hash_key: str | None) -> None:
        self._connection = connection
        self._stream = stream_reference(stream)
        self._explicit_hash_key = explicit_hash_key
        self.tally = PutTally()

    def put_one(self, line: Line) -> dict[str, Any]:
        """Put a single record and give the answer: ShardId and SequenceNumber."""
        return self._connection.call_retrying("PutRecord", **self._stream, **self._entry(line))

    def put_batch(self, lines: list[Line]) -> None:
        """Put lines, again while they are refused for the moment; the tally says how it went.

        Raises `ClientFailure` for what is wrong with more than single records.
        """
        backoff = Backoff("command")
        give_up_at = time.monotonic() + RETRY_FOR_S
        waiting = lines
        while waiting:
            again, reason = self._try_batch(waiting)
            if len(again) < len(waiting):
                backoff.reset()
                give_up_at = time.monotonic() + RETRY_FOR_S
            elif time.monotonic() >= give_up_at:
                self.tally.refused += [RefusedRecord(line.number, reason) for line in again]
                return
            waiting = again
            if waiting:
                time.sleep(backoff.delay_s())

    def _try_batch(self, lines: list[Line]) -> tuple[list[Line], str]:
        """Call PutRecords once; gives the lines to send again, and why they were refused."""
        try:
            answer = self._connection.call(
                "PutRecords", **self._stream, Records=[self._entry(line) for line in lines]
            )
        except ApiError as error:
            if error.is_transient:
                return lines, error.message
            if error.code not in REFUSALS_OF_A_RECORD:
                raise
            return self._find_refused(lines, error)
        return self._settle(lines, answer["Records"])

    def _find_refused(self, lines: list[Line], error: ApiError) -> tuple[list[Line], str]:
        """Put the halves of a batch that holds a bad record, down to the record itself."""
        if len(lines) == 1:
            self.tally.refused.append(RefusedRecord(lines[0].number, error.message))
            return [], ""
        for half in halves(lines):
            self.put_batch(half)
        return [], ""

    def _settle(self, lines: list[Line], results: list[dict[str, Any]]) -> tuple[list[Line], str]:
        """Tally the results of a batch; gives what to send again, and why."""
        again: list[Line] = []
        reason = ""
        for line, result in zip(lines, results, strict=True):
            code = result.get("ErrorCode")
            if not code:
                self.tally.count(line, result["ShardId"])
                continue
            reason = printable(f"{code}: {result.get('ErrorMessage', '')}")
            if code in TRANSIENT_CODES:
                again.append(line)
            else:
                self.tally.refused.append(RefusedRecord(line.number, reason))
        return again, reason

    def _entry(self, line: Line) -> dict[str, str]:
        entry = {"Data": base64.b64encode(line.data).decode(), "PartitionKey": line.partition_key}
        if self._explicit_hash_key is not None:
            entry["ExplicitHashKey"] = self._explicit_hash_key
        return entry


def numbered_lines(chunks: Iterable[bytes | None]) -> Iterator[tuple[int, bytes] | None]:
    """Lines with their numbers, cut from chunks of bytes at line feeds; None is passed on."""
    number = 0
    parts: list[bytes] = []  # of a line that no chunk has ended yet: joined once, however long it is
    for chunk in chunks:
        if chunk is None:
            yield None
            continue
        first, *rest = chunk.split(b"\n")
        parts.append(first)
        for following in rest:
            number += 1
            yield number, b"".join(parts)
            parts = [following]
    last = b"".join(parts)
    if last:
        yield number + 1, last


def batches(lines: Iterable[Line | None]) -> Iterator[list[Line]]:
    """Lines gathered into what one PutRecords may carry; at a None, those gathered so far."""
    batch: list[Line] = []
    batch_bytes = 0
    for line in lines:
        line_bytes = 0 if line is None else _size_bytes(line)
        is_full = len(batch) == CALL_RECORDS_MAX or batch_bytes + line_bytes > CALL_BYTES_MAX
        if batch and (line is None or is_full):
            yield batch
            batch, batch_bytes = [], 0
        if line is not None:
            batch.append(line)
            batch_bytes += line_bytes
    if batch:
        yield batch


def _size_bytes(line: Line) -> int:
    """The size of a record in the limit of a batch."""
    # surrogatepass: a key that is not Unicode is the server's to refuse
    return len(line.data) + len(line.partition_key.encode(errors="surrogatepass"))


def arriving_chunks(source: IO[bytes], linger_s: float = LINGER_S) -> Iterator[bytes | None]:
    """Chunks of bytes as they arrive, and a None whenever none came for a moment.

    A thread reads, because a pipe cannot be asked on every system whether it has more. Raises
    `ClientFailure` when the input cannot be read.
    """
    arrived: queue.Queue[bytes | BaseException] = queue.Queue(CHUNKS_AHEAD)

    def read() -> None:
        try:
            while chunk := os.read(source.fileno(), CHUNK_BYTES):
                arrived.put(chunk)
            arrived.put(b"")
        except OSError as error:
            arrived.put(error)

    threading.Thread(target=read, daemon=True).start()
    is_idle = True
    while True:
        try:
            chunk = arrived.get(timeout=None if is_idle else linger_s)
        except queue.Empty:
            is_idle = True
            yield None
            continue
        if isinstance(chunk, BaseException):
            raise ClientFailure(f"the input cannot be read: {chunk}")
        if not chunk:
            return
        is_idle = False
        yield chunk


KeyChooser = Callable[[bytes], str]
"""Gives a record's partition key; raises ValueError with the reason when it has none."""

RecordReader = Callable[[bytes], tuple[bytes, str]]
"""Gives the data and the partition key of a line; raises ValueError with the reason when it has none."""


def _partition_key_chooser(partition_key: str | None, field_name: str | None) -> KeyChooser:
    if partition_key is not None:
        return lambda _: partition_key
    if field_name is not None:
        return lambda data: _field_of(data, field_name)
    return lambda _: uuid.uuid4().hex


def _field_of(data: bytes, field_name: str) -> str:
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    value = record.get(field_name) if isinstance(record, dict) else None
    if value is None:
        raise ValueError(f"no field {field_name!r}")
    if isinstance(value, (dict, list)):
        raise ValueError(f"the field {field_name!r} is neither text nor a number")  # noqa: TRY004 - the record's
    return value if isinstance(value, str) else json.dumps(value)


def _put_one(sender: BatchSender, data: bytes, key_of: KeyChooser, is_drawn: bool) -> None:
    try:
        line = Line(1, data, key_of(data))
    except ValueError as error:
        raise ClientFailure(f"the record has no partition key: {error}") from None
    answer = sender.put_one(line)
    if is_drawn:
        click.echo(f"{answer['ShardId']}  {answer['SequenceNumber']}")
    else:
        sys.stdout.write(json_line({name: answer[name] for name in ("ShardId", "SequenceNumber")}))


def put_lines(sender: BatchSender, path: Path | None, read_record: RecordReader, *, is_drawn: bool) -> None:
    """Put every line of a file, or of standard input, and show what became of them.

    Raises `ClientFailure`, and `Exit` when lines were not stored.
    """
    with _source(path) as source:
        _put_lines(sender, source, read_record)
    _show_tally(sender.tally, is_drawn)
    if sender.tally.refused:
        raise click.exceptions.Exit(1)


def _put_lines(sender: BatchSender, source: IO[bytes], read_record: RecordReader) -> None:
    tally = sender.tally
    last_number = 0

    def keyed_lines() -> Iterator[Line | None]:
        for numbered in numbered_lines(arriving_chunks(source)):
            if numbered is None:
                yield None
                continue
            number, text = numbered
            try:
                yield Line(number, *read_record(text))
            except ValueError as error:
                tally.refused.append(RefusedRecord(number, str(error)))

    with _progress(source) as show:
        try:
            for batch in batches(keyed_lines()):
                sender.put_batch(batch)
                last_number = batch[-1].number
                show(tally, batch)
        except (ClientFailure, KeyboardInterrupt) as error:
            _report(tally.refused)
            reason = error.message if isinstance(error, ClientFailure) else "interrupted"
            done = f" (lines up to {last_number} are done)" if last_number else ""
            raise ClientFailure(reason + done) from error
    _report(tally.refused)


@contextlib.contextmanager
def _source(path: Path | None) -> Iterator[IO[bytes]]:
    if path is None:
        yield sys.stdin.buffer
        return
    with path.open("rb") as source:
        yield source


@contextlib.contextmanager
def _progress(source: IO[bytes]) -> Iterator[Callable[[PutTally, list[Line]], None]]:
    """What to call after each batch: draws a bar when there is a terminal that nobody types on."""
    if not sys.stderr.isatty() or source.isatty():
        yield lambda _tally, _batch: None
        return
    size_bytes = os.fstat(source.fileno()).st_size or None  # a pipe has none
    with put_progress(size_bytes) as progress:
        (task_id,) = progress.task_ids

        def show(tally: PutTally, batch: list[Line]) -> None:
            batch_bytes = sum(len(line.data) + 1 for line in batch)
            progress.update(task_id, advance=batch_bytes, records=tally.records)

        yield show


def _report(refused: list[RefusedRecord]) -> None:
    """Name the lines that were not stored; not all, when there are very many."""
    refused.sort()
    for line in refused[:REPORTED_LINES]:
        click.echo(f"headwater: line {line.number}: {printable(line.reason)}", err=True)
    if len(refused) > REPORTED_LINES:
        click.echo(f"headwater: … and {len(refused) - REPORTED_LINES} more lines", err=True)


def _show_tally(tally: PutTally, is_drawn: bool) -> None:
    if not is_drawn:
        sys.stdout.write(
            json_line(
                {
                    "Records": tally.records,
                    "Bytes": tally.data_bytes,
                    "Shards": dict(sorted(tally.records_by_shard.items())),
                    "FailedLines": [line.number for line in tally.refused],
                }
            )
        )
        return
    if tally.records:
        draw_table(["Shard", "Records"], sorted(tally.records_by_shard.items()))
    refused = f", {len(tally.refused):,} not stored" if tally.refused else ""
    records = "1 record" if tally.records == 1 else f"{tally.records:,} records"
    click.echo(f"{records}, {tally.data_bytes:,} bytes{refused}.")
