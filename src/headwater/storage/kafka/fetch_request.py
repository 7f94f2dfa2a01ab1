"""The bytes of a fetch request, and of its answer: version 6 of the protocol, one partition a topic.

It asks for all of what it names each time: the later versions can leave out what a broker was told before.
What was fetched stays where it was received.

Refuses to know what is in a batch, and what an answer's code means.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

from headwater.storage.kafka.broker_request import LENGTH, BrokerRequest

_START = struct.Struct(">iiiibi")
"""No replica's number, how long the broker waits, for how many bytes, how many at most, all that is stored
counts, number of topics."""
_PARTITION = struct.Struct(">iiqqi")
"""Number of partitions, the partition, from which position on, no log's beginning, how many bytes at most."""
_ANSWER = struct.Struct(">iihqqqi")
"""Number of partitions, the partition, code, end for readers, end for those of transactions, where the log
begins, number of transactions that were given up."""
_TOPICS = struct.Struct(">ii")
"""Milliseconds of delay, number of topics."""
_TRANSACTION_BYTES = 16
_SIZE = struct.Struct(">i")


class Fetched(NamedTuple):
    """The answer to a fetch of one topic."""

    code: int
    end: int
    """The position behind the last record that all in-sync replicas have."""
    first: int
    """The first position that is kept."""
    data: bytes | memoryview


class FetchRequest(BrokerRequest):
    """Asks for what lies from some positions on; its answer is a `Fetched` for each topic."""

    API_KEY, API_VERSION = 1, 6

    def __init__(
        self, positions: Mapping[str, int], topic_bytes: int, all_bytes: int, max_wait_ms: int
    ) -> None:
        """For so many bytes of each topic at most; the broker waits for so long while there is nothing."""
        self._positions = positions
        self._topic_bytes = topic_bytes
        self._all_bytes = all_bytes
        self._max_wait_ms = max_wait_ms

    def body(self) -> list[bytes]:
        """What comes after the head."""
        parts = [_START.pack(-1, self._max_wait_ms, 1, self._all_bytes, 0, len(self._positions))]
        for topic, position in self._positions.items():
            name = topic.encode()
            parts += (
                LENGTH.pack(len(name)),
                name,
                _PARTITION.pack(1, 0, position, -1, self._topic_bytes),
            )
        return [b"".join(parts)]

    def read(self, answer: memoryview) -> dict[str, Fetched]:
        """What was fetched of each topic."""
        _, count = _TOPICS.unpack_from(answer)
        at = _TOPICS.size
        found: dict[str, Fetched] = {}
        for _ in range(count):
            (length,) = LENGTH.unpack_from(answer, at)
            at += LENGTH.size
            topic = str(answer[at : at + length], "utf-8")
            at += length
            _, _, code, end, _, first, given_up = _ANSWER.unpack_from(answer, at)
            at += _ANSWER.size + max(0, given_up) * _TRANSACTION_BYTES
            (size,) = _SIZE.unpack_from(answer, at)
            at += _SIZE.size
            data = answer[at : at + max(0, size)]
            if len(data) < size:
                raise struct.error(f"{size} bytes of {topic} end after {len(data)}")
            at += len(data)
            found[topic] = Fetched(code, end, first, data)
        return found
