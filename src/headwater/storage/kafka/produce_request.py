"""The bytes of a produce request, and of its answer: version 7 of the protocol, one partition a topic.

They take aiokafka's place as every put pays for them: it makes a request from the inside out and copies the
batches with each of its layers; here they are sent as they are.

Refuses to know what is in a batch, and what an answer's code means.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

from headwater.storage.kafka.broker_request import LENGTH, BrokerRequest

ALL_IN_SYNC = -1

_START = struct.Struct(">hhii")
"""No transactional id, whose acknowledgement is waited for, for how long, number of topics."""
_PARTITION = struct.Struct(">iii")
"""Number of partitions, the partition, length of its batch."""
_ANSWER = struct.Struct(">iihqqq")
"""Number of partitions, the partition, code, position, time, where the log begins."""
_COUNT = struct.Struct(">i")


class Produced(NamedTuple):
    """The answer to a batch."""

    code: int
    position: int
    time_ms: int


class ProduceRequest(BrokerRequest):
    """Stores one batch in each of some topics; its answer is a `Produced` for each."""

    API_KEY, API_VERSION = 0, 7

    def __init__(self, batches: Mapping[str, bytes], timeout_ms: int) -> None:
        """The broker answers after `timeout_ms` even if some replicas in sync do not have them yet."""
        self._batches = batches
        self._timeout_ms = timeout_ms

    def body(self) -> list[bytes]:
        """What comes after the head."""
        parts: list[bytes] = []
        before = _START.pack(-1, ALL_IN_SYNC, self._timeout_ms, len(self._batches))
        for topic, batch in self._batches.items():
            name = topic.encode()
            parts += (before + LENGTH.pack(len(name)) + name + _PARTITION.pack(1, 0, len(batch)), batch)
            before = b""
        return parts

    def read(self, answer: memoryview) -> dict[str, Produced]:
        """What became of each topic's batch."""
        (count,) = _COUNT.unpack_from(answer)
        at = _COUNT.size
        found: dict[str, Produced] = {}
        for _ in range(count):
            (length,) = LENGTH.unpack_from(answer, at)
            at += LENGTH.size + length
            _, _, code, position, time_ms, _ = _ANSWER.unpack_from(answer, at)
            found[str(answer[at - length : at], "utf-8")] = Produced(code, position, time_ms)
            at += _ANSWER.size
        return found
