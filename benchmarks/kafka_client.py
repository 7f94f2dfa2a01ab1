"""One of Kafka's clients in Python, or the store of a gateway without its server, sending the same records.

    python -m benchmarks.kafka_client aiokafka|confluent|store BROKERS NAME SECONDS

The clients are given what a gateway is given, data with partition keys, and learn what it tells, where each
record is stored. They know each record's partition beforehand; a gateway finds it by the MD5 of the key.

Prints the CPU time of this process for each record, in microseconds, and the records a second.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from functools import partial
from typing import Any, NamedTuple

from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import Change, Entry, Outcome, Placed
from headwater.storage.kafka.back_end import open_kafka
from headwater.storage.kafka.security import BrokerSecurity

RECORDS, RECORD_BYTES, SENDERS, PARTITIONS = 500, 100, 4, 4
REPLICAS = 3
WARM_UP_S = 1.0


def _payloads() -> list[bytes]:
    chance = random.Random(1)
    return [chance.randbytes(RECORD_BYTES) for _ in range(RECORDS)]


class _Keyed(NamedTuple):
    """A record as Kafka's clients are given it."""

    partition: int
    key: bytes
    payload: bytes


def _keyed() -> list[_Keyed]:
    """The same with partition keys, spread over all partitions as a gateway's are."""
    chance = random.Random(2)
    return [
        _Keyed(chance.randrange(PARTITIONS), str(chance.random()).encode(), payload)
        for payload in _payloads()
    ]


async def _with_aiokafka(brokers: str, topic: str, seconds: float) -> tuple[float, int]:
    from aiokafka import AIOKafkaProducer  # noqa: PLC0415 - one of both

    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", enable_idempotence=True)
    await producer.start()
    records, sent = _keyed(), 0
    ends_s = 0.0

    async def send() -> None:
        nonlocal sent
        while time.monotonic() < ends_s:
            futures = [
                await producer.send(topic, record.payload, record.key, record.partition) for record in records
            ]
            places = [(stored.partition, stored.offset) for stored in await asyncio.gather(*futures)]
            assert len(places) == RECORDS
            sent += RECORDS

    try:
        for span_s in (WARM_UP_S, seconds):
            sent, ends_s, before_s = 0, time.monotonic() + span_s, time.process_time()
            await asyncio.gather(*(send() for _ in range(SENDERS)))
            spent_s = time.process_time() - before_s
    finally:
        await producer.stop()
    return spent_s, sent


class _ConfluentSenders:
    """So many senders, each with a call under way."""

    def __init__(self, brokers: str, topic: str) -> None:
        from confluent_kafka import Producer  # noqa: PLC0415 - one of both

        settings = {"bootstrap.servers": brokers, "acks": "all", "enable.idempotence": True, "linger.ms": 0}
        self._producer = Producer(settings)
        self._topic = topic
        self._records = _keyed()
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(SENDERS)]
        """Partition and offset of what was acknowledged to each, in the order of the reports."""
        self._told = [partial(self._acknowledged, sender) for sender in range(SENDERS)]

    def send_for(self, span_s: float) -> int:
        """How many records were sent."""
        ends_s, sent, busy = time.monotonic() + span_s, 0, set(range(SENDERS))
        for sender in busy:
            self._begin(sender)
        while busy:
            self._producer.poll(0.1)
            for sender in [sender for sender in busy if len(self._places[sender]) == RECORDS]:
                sent += RECORDS
                if time.monotonic() < ends_s:
                    self._begin(sender)
                else:
                    busy.discard(sender)
        return sent

    def _begin(self, sender: int) -> None:
        self._places[sender] = []
        for partition, key, payload in self._records:
            self._producer.produce(self._topic, payload, key, partition, on_delivery=self._told[sender])

    def _acknowledged(self, sender: int, error: object, message: Any) -> None:
        assert error is None, error
        self._places[sender].append((message.partition(), message.offset()))


def _with_confluent(brokers: str, topic: str, seconds: float) -> tuple[float, int]:
    senders = _ConfluentSenders(brokers, topic)
    senders.send_for(WARM_UP_S)
    before_s = time.process_time()
    sent = senders.send_for(seconds)
    return time.process_time() - before_s, sent


async def _with_store(brokers: str, name: str, seconds: float) -> tuple[float, int]:
    store = (await open_kafka(f"kafka://{brokers}/{name}", BrokerSecurity(), print)).store
    log_ids = range(1, PARTITIONS + 1)
    keep_ms = dict.fromkeys(log_ids, 86_400_000)

    async def make() -> bool:
        return await store.commit(Change({}, create_logs=log_ids, keep_ms=keep_ms)) > 0

    async def put(entry: Entry) -> list[Outcome]:
        return await store.append([entry])

    await finished(make())
    payloads, sent, ends_s = _payloads(), 0, 0.0

    async def send(log_id: int) -> None:
        nonlocal sent
        while time.monotonic() < ends_s:
            (placed,) = await finished(put(Entry(log_id, 0, payloads)))
            assert isinstance(placed, Placed), placed
            sent += RECORDS

    for span_s in (WARM_UP_S, seconds):
        sent, ends_s, before_s = 0, time.monotonic() + span_s, time.process_time()
        await asyncio.gather(*(send(1 + at % PARTITIONS) for at in range(SENDERS)))
        spent_s = time.process_time() - before_s
    store.close()
    await asyncio.sleep(0)
    return spent_s, sent


async def _make_topic(brokers: str, topic: str) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # noqa: PLC0415 - for both

    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        if topic not in await admin.list_topics():
            settings = {"message.timestamp.type": "LogAppendTime"}
            replicas = min(REPLICAS, len((await admin.describe_cluster())["brokers"]))
            await admin.create_topics([NewTopic(topic, PARTITIONS, replicas, topic_configs=settings)])
    finally:
        await admin.close()


def main() -> None:
    """Send for so long."""
    client, brokers, topic, seconds = sys.argv[1:]
    if client == "store":
        spent_s, sent = asyncio.run(_with_store(brokers, topic, float(seconds)))
    else:
        asyncio.run(_make_topic(brokers, topic))
        if client == "aiokafka":
            spent_s, sent = asyncio.run(_with_aiokafka(brokers, topic, float(seconds)))
        else:
            spent_s, sent = _with_confluent(brokers, topic, float(seconds))
    print(json.dumps({"cpu_us": spent_s / sent * 1e6, "rate": sent / float(seconds)}))


if __name__ == "__main__":
    main()
