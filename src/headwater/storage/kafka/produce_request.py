"""The bytes of a produce request, and of its answer: version 7 of the protocol, one partition a topic.

They take aiokafka's place as every put pays for them: it makes a request from the inside out and copies the
batches with each of its layers; here they are copied when they are put behind one another. The connection
that it goes over is aiokafka's, which asks a request for what is public below.

Refuses to know what is in a batch, and what an answer's code means.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import NamedTuple

from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.api import ResponseHeader_v0

API_KEY, API_VERSION = 0, 7
ALL_IN_SYNC = -1

_HEAD = struct.Struct(">hhih")
"""Operation, version, the number that the answer has, length of the client's name."""
_START = struct.Struct(">hhii")
"""No transactional id, whose acknowledgement is waited for, for how long, number of topics."""
_PARTITION = struct.Struct(">iii")
"""Number of partitions, the partition, length of its batch."""
_ANSWER = struct.Struct(">iihqqq")
"""Number of partitions, the partition, code, position, time, where the log begins."""
_COUNT, _LENGTH = struct.Struct(">i"), struct.Struct(">h")


class Produced(NamedTuple):
    """The answer to a batch."""

    code: int
    position: int
    time_ms: int


class _ProduceAnswer:
    """What became of each topic's batch."""

    @staticmethod
    def decode(data: BytesIO) -> dict[str, Produced]:
        text = data.read()
        (count,) = _COUNT.unpack_from(text)
        at = _COUNT.size
        found: dict[str, Produced] = {}
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(text, at)
            at += _LENGTH.size + length
            _, _, code, position, time_ms, _ = _ANSWER.unpack_from(text, at)
            found[text[at - length : at].decode()] = Produced(code, position, time_ms)
            at += _ANSWER.size
        return found


class _Head:
    """What comes before the request itself."""

    def __init__(self, correlation_id: int, client_id: str) -> None:
        self._correlation_id = correlation_id
        self._client_id = client_id.encode()

    def encode(self) -> bytes:
        name = self._client_id
        return _HEAD.pack(API_KEY, API_VERSION, self._correlation_id, len(name)) + name


class BatchesRequest:
    """A request that stores one batch in each of some topics; its answer is a `Produced` for each."""

    RESPONSE_TYPE = _ProduceAnswer
    parse_response_header = staticmethod(ResponseHeader_v0.decode)

    def __init__(self, batches: Mapping[str, bytes], timeout_ms: int) -> None:
        """The broker answers after `timeout_ms` even if some replicas in sync do not have them yet."""
        self._batches = batches
        self._timeout_ms = timeout_ms

    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> BatchesRequest:
        """This request, for a broker that takes this version of it. Raises `IncompatibleBrokerVersion`."""
        oldest, newest = versions.get(API_KEY, (0, -1))
        if not oldest <= API_VERSION <= newest:
            raise IncompatibleBrokerVersion(f"the broker takes versions {oldest} to {newest} of Produce")
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> _Head:
        """What comes before it."""
        return _Head(correlation_id, client_id)

    def encode(self) -> bytes:
        """The request itself."""
        parts = [_START.pack(-1, ALL_IN_SYNC, self._timeout_ms, len(self._batches))]
        for topic, batch in self._batches.items():
            name = topic.encode()
            parts += (_LENGTH.pack(len(name)), name, _PARTITION.pack(1, 0, len(batch)), batch)
        return b"".join(parts)
