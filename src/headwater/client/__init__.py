"""A producer and a consumer for applications, against AWS or any Kinesis endpoint.

Refuses to know the server. A name is imported when it is asked for: the commands use the
tables of `calls`, and would wait for aiohttp a quarter of a second each time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.client.calls.record import Record
    from headwater.client.consumer.async_consumer import AsyncKinesisConsumer
    from headwater.client.consumer.batch import Batch
    from headwater.client.consumer.consumer import KinesisConsumer
    from headwater.client.consumer.dead_letter_stream import DeadLetterStream
    from headwater.client.consumer.handler_delivery import HandlerFailed, RecordFailed
    from headwater.client.consumer.polling import PollingPace
    from headwater.client.leases.dynamodb_store import DynamoDBState
    from headwater.client.leases.memory_store import MemoryState
    from headwater.client.leases.sqlite_store import SQLiteState
    from headwater.client.leases.store import LeaseLost, StateError
    from headwater.client.producer.async_producer import AsyncKinesisProducer
    from headwater.client.producer.producer import KinesisProducer
    from headwater.client.queues.async_queue_consumer import AsyncQueueConsumer
    from headwater.client.queues.core import GiveBack
    from headwater.client.queues.entry_batches import ReceiptLost
    from headwater.client.queues.queue_consumer import QueueConsumer
    from headwater.client.queues.queue_record import QueueRecord

__all__ = [
    "AsyncKinesisConsumer",
    "AsyncKinesisProducer",
    "AsyncQueueConsumer",
    "Batch",
    "DeadLetterStream",
    "DynamoDBState",
    "GiveBack",
    "HandlerFailed",
    "KinesisConsumer",
    "KinesisProducer",
    "LeaseLost",
    "MemoryState",
    "PollingPace",
    "QueueConsumer",
    "QueueRecord",
    "ReceiptLost",
    "Record",
    "RecordFailed",
    "SQLiteState",
    "StateError",
]

_MODULES = {
    "AsyncKinesisConsumer": "consumer.async_consumer",
    "AsyncKinesisProducer": "producer.async_producer",
    "AsyncQueueConsumer": "queues.async_queue_consumer",
    "Batch": "consumer.batch",
    "DeadLetterStream": "consumer.dead_letter_stream",
    "DynamoDBState": "leases.dynamodb_store",
    "GiveBack": "queues.core",
    "HandlerFailed": "consumer.handler_delivery",
    "KinesisConsumer": "consumer.consumer",
    "KinesisProducer": "producer.producer",
    "LeaseLost": "leases.store",
    "MemoryState": "leases.memory_store",
    "PollingPace": "consumer.polling",
    "QueueConsumer": "queues.queue_consumer",
    "QueueRecord": "queues.queue_record",
    "ReceiptLost": "queues.entry_batches",
    "Record": "calls.record",
    "RecordFailed": "consumer.handler_delivery",
    "SQLiteState": "leases.sqlite_store",
    "StateError": "leases.store",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
