"""A producer and a consumer for applications, against AWS or any Kinesis endpoint."""

from headwater.client.async_producer import AsyncKinesisProducer
from headwater.client.producer import KinesisProducer

__all__ = ["AsyncKinesisProducer", "KinesisProducer"]
