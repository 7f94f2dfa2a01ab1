"""A producer and a consumer for applications, against AWS or any Kinesis endpoint."""

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

__all__ = [
    "AsyncKinesisConsumer",
    "AsyncKinesisProducer",
    "Batch",
    "DeadLetterStream",
    "DynamoDBState",
    "HandlerFailed",
    "KinesisConsumer",
    "KinesisProducer",
    "LeaseLost",
    "MemoryState",
    "PollingPace",
    "Record",
    "RecordFailed",
    "SQLiteState",
    "StateError",
]
