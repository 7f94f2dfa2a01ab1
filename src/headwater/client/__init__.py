"""A producer and a consumer for applications, against AWS or any Kinesis endpoint."""

from headwater.client.async_consumer import AsyncKinesisConsumer
from headwater.client.async_producer import AsyncKinesisProducer
from headwater.client.batch import Batch
from headwater.client.consumer import KinesisConsumer
from headwater.client.dead_letter_stream import DeadLetterStream
from headwater.client.dynamodb_state import DynamoDBState
from headwater.client.handling import HandlerFailed, RecordFailed
from headwater.client.lease_state import LeaseLost, StateError
from headwater.client.memory_state import MemoryState
from headwater.client.polling import PollingPace
from headwater.client.producer import KinesisProducer
from headwater.client.record import Record
from headwater.client.sqlite_state import SQLiteState

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
