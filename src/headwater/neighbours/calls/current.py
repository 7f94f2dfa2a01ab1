"""The server whose request a neighbour's thread works at: a process may have several servers."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from headwater.neighbours.calls.firehose import FirehoseCalls
from headwater.neighbours.calls.kinesis import StreamCalls
from headwater.neighbours.calls.lambda_ import LambdaCalls
from headwater.neighbours.delivery.outbox import RecordOutbox


class ServerCalls(NamedTuple):
    """The calls to one server."""

    kinesis: StreamCalls
    lambda_: LambdaCalls
    firehose: FirehoseCalls
    outbox: RecordOutbox
    """What is on its way to its streams."""


CURRENT_SERVER: ContextVar[ServerCalls] = ContextVar("CURRENT_SERVER")
