"""What the apps with a function share: a stream of orders, and queues that tell what came of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.infrastructure.tools import client
from tests.waiting import awaited


class OrdersApp:
    """A deployed app, by the outputs of its stack: `Stream`, `Function`, `Seen` and `Failed`."""

    def __init__(self, endpoint_url: str, outputs: Mapping[str, str]) -> None:
        self._endpoint_url = endpoint_url
        self._outputs = outputs

    def put(self, **order: Any) -> None:
        """An order into the stream."""
        data = json.dumps(order).encode()
        kinesis = client(self._endpoint_url, "kinesis")
        kinesis.put_record(StreamName=self._outputs["Stream"], Data=data, PartitionKey="1")

    def seen(self) -> str:
        """What the function has told, once it has."""
        return self._message("Seen")

    def failure(self) -> dict[str, Any]:
        """What was told of a batch that failed, once it was."""
        told: dict[str, Any] = json.loads(self._message("Failed"))
        return told

    def _message(self, queue: str) -> str:
        sqs, url = client(self._endpoint_url, "sqs"), self._outputs[queue]

        def look() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get(
                "Messages", []
            )
            return found

        (message,) = awaited(look)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return str(message["Body"])


def is_empty(endpoint_url: str) -> bool:
    """Whether no stream, function and mapping is left."""
    lambda_ = client(endpoint_url, "lambda")
    return not (
        client(endpoint_url, "kinesis").list_streams()["StreamNames"]
        or lambda_.list_functions()["Functions"]
        or lambda_.list_event_source_mappings()["EventSourceMappings"]
    )
