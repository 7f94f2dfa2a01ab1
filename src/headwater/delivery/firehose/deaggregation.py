"""Records that have others in them: compressed, messages of CloudWatch Logs, several in one.

Rules:
- what cannot be taken apart is a failure of its own, or (several JSON documents) stays as it is;
- one record becomes 500 at most; one with more stays as it is, as at AWS.

Refuses to know where records come from.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence

from headwater.delivery.firehose.items import PROCESSING_FAILED, FailedItem, Item, failure
from headwater.delivery.firehose.processing import Deaggregation

SUBRECORDS_MAX = 500
GZIP_WINDOW = 31
"""zlib's number for a gzip header."""
INFLATED_BYTES_MAX = 64 * 1024 * 1024
DATA_MESSAGE = "DATA_MESSAGE"
NOT_GZIP = "Data provided for decompression is not in GZIP format or cannot be decompressed."

_WHITESPACE = " \t\r\n"
_decode = json.JSONDecoder().raw_decode


def decompressed(items: Sequence[Item], now_ms: int) -> tuple[list[Item], list[FailedItem]]:
    """The items with what was in gzip."""
    done: list[Item] = []
    failed: list[FailedItem] = []
    for item in items:
        data = _inflated(item.data)
        if data is None:
            failed.append(
                failure(
                    item,
                    PROCESSING_FAILED,
                    "Decompression.InvalidCompressedData",
                    NOT_GZIP,
                    attempts=1,
                    now_ms=now_ms,
                )
            )
        else:
            done.append(item._replace(data=data))
    return done, failed


def _inflated(data: bytes) -> bytes | None:
    reader = zlib.decompressobj(GZIP_WINDOW)
    try:
        inflated = reader.decompress(data, INFLATED_BYTES_MAX)
    except zlib.error:
        return None
    return inflated if reader.eof else None


def messages(items: Sequence[Item]) -> list[Item]:
    """For each item of a log subscription: its messages, one in a line; control messages are left out."""
    done = []
    for item in items:
        try:
            document = json.loads(item.data)
        except (ValueError, RecursionError):
            done.append(item)
            continue
        if not isinstance(document, dict) or "logEvents" not in document:
            done.append(item)
        elif document.get("messageType") == DATA_MESSAGE:
            lines = "".join(f"{event.get('message', '')}\n" for event in document["logEvents"])
            done.append(item._replace(data=lines.encode()))
    return done


def deaggregated(items: Sequence[Item], how: Deaggregation) -> list[Item]:
    """The items, each of those that are in one as an item of its own."""
    done: list[Item] = []
    for item in items:
        parts = _json_parts(item.data) if how.delimiter is None else _delimited(item.data, how.delimiter)
        if parts is None or len(parts) > SUBRECORDS_MAX:
            done.append(item)
            continue
        done += [
            item._replace(
                data=part,
                record_id=f"{item.record_id[:-6]}{at:06d}",
                subsequence_number=at,
            )
            for at, part in enumerate(parts)
        ]
    return done


def _delimited(data: bytes, delimiter: bytes) -> list[bytes]:
    return [part for part in data.split(delimiter) if part]


def _json_parts(data: bytes) -> list[bytes] | None:
    """The JSON documents that follow one another; `None`: it is something else."""
    try:
        return [part.encode() for part in _documents(data.decode())]
    except ValueError:
        return None


def _documents(text: str) -> Iterator[str]:
    at = 0
    while True:
        while at < len(text) and text[at] in _WHITESPACE:
            at += 1
        if at == len(text):
            return
        _, end = _decode(text, at)
        yield text[at:end]
        at = end
