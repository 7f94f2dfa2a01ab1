"""Firehose for what runs in a thread of a neighbour: its operations, called as a client would.

Rules: those of `lambda_`.

Refuses to know who needs it, and how Firehose is made: the builder of a server passes it in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from headwater.engine.metrics.kept_minutes import MetricReader
from headwater.model.caller import Caller
from headwater.neighbours.calls.lambda_ import ANSWER_TIMEOUT_S, Ask, Document, T, ask_reader


class FirehoseCalls:
    """The operations of one server's Firehose. Call it from any thread but the loop's."""

    def __init__(
        self, ask: Ask, metrics: Callable[[], MetricReader | None], loop: asyncio.AbstractEventLoop
    ) -> None:
        """`ask` and `metrics` are run on `loop`."""
        self._ask = ask
        self._metrics = metrics
        self._loop = loop

    def call(self, caller: Caller, operation: str, members: Mapping[str, Any]) -> Document:
        """An operation's answer. Raises `CallRefused`."""
        answer = asyncio.run_coroutine_threadsafe(self._ask(caller, operation, members), self._loop)
        return answer.result(ANSWER_TIMEOUT_S)

    def ask_metrics(self, question: Callable[[MetricReader], T]) -> T | None:
        """The answer of a quick question about the metrics; `None` without delivery streams."""
        return ask_reader(self._metrics, question, self._loop)

    def put(self, arn: str, data: bytes) -> None:
        """Put a record into the delivery stream of an ARN. Raises `CallRefused`."""
        caller, name = owner_and_name(arn)
        self.call(caller, "PutRecord", {"DeliveryStreamName": name, "Record": {"Data": data}})

    def require(self, arn: str) -> None:
        """Raise `CallRefused` unless there is the delivery stream of an ARN."""
        caller, name = owner_and_name(arn)
        self.call(caller, "DescribeDeliveryStream", {"DeliveryStreamName": name})


def owner_and_name(arn: str) -> tuple[Caller, str]:
    """Whose a delivery stream is, and its name, by its ARN."""
    _, _, _, region, account_id, resource = arn.split(":", 5)
    return Caller(account_id, region), resource.rpartition("/")[2]
