"""A Kafka cluster as the store uses it: connections to its brokers, leaders of topics, eleven requests.

aiokafka makes the connections (SASL, TLS, API versions) and the bytes of most requests; those that bring or
fetch records and those that ask who leads are of `produce_request`, `fetch_request` and `metadata_request`.
Which connection (`broker_connection`) a request takes, who leads a topic, and what an error means is decided
here. Every topic has one partition.

Rules:
- a broker works on one request of a connection at a time, so there are connections for each `Lane`:
  a request that waits must never hold up another;
- a request that is not answered in time closes its connection, so that nothing follows it there;
- `Unsent` is raised only when no byte of a request can have reached a broker;
- a broker that others cannot reach may not know that it leads no more: its word on who leads does not count
  against that of a later epoch, and where a log ends is sure only once others have confirmed that it leads;
- who waits for a connection that is given up meanwhile is told so, and is not cancelled with it.

Refuses to know what is in topics.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from ssl import SSLCertVerificationError
from typing import Any, Literal

from aiokafka import errors as kafka_errors
from aiokafka.protocol.admin import (
    AlterConfigsRequest,
    CreateTopicsRequest,
    DeleteRecordsRequest,
    DeleteTopicsRequest,
    DescribeConfigsRequest,
)
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

from headwater.storage.kafka.batch_requests import BatchRequests, NothingSaid, NotSent
from headwater.storage.kafka.broker_connection import BrokerConnection
from headwater.storage.kafka.broker_request import CLIENT_ID
from headwater.storage.kafka.fetch_request import Fetched, FetchRequest
from headwater.storage.kafka.leaders import Leaders
from headwater.storage.kafka.metadata_request import MetadataRequest
from headwater.storage.kafka.patience import (
    CONNECT_TIMEOUT_MS,
    CONTROL_BROKER_TIMEOUT_MS,
    CONTROL_TIMEOUT_MS,
    PRODUCE_BROKER_TIMEOUT_MS,
    REQUEST_TIMEOUT_MS,
)
from headwater.storage.kafka.produce_request import Produced, ProduceRequest
from headwater.storage.kafka.security import BrokerSecurity

REFRESH_S = 2.0
PRODUCE_LANES = 4
READ_LANES = 4
FETCH_BYTES_MAX = 64 * 1024 * 1024
POLL_BYTES = 256 * 1024
"""So much of each log comes with the news that it has grown."""

LATEST, EARLIEST = -1, -2
"""In place of a time, for `find_offset`."""

Lane = tuple[Literal["joined", "produce", "read", "poll", "metadata", "control"], int]
"""What a connection is for, and which one of several it is."""

NONE = 0
OFFSET_OUT_OF_RANGE = 1
UNKNOWN_TOPIC = 3
LEADER_NOT_AVAILABLE = 5
NOT_LEADER = 6
MESSAGE_TOO_LARGE = 10
RECORD_LIST_TOO_LARGE = 18
NOT_ENOUGH_REPLICAS = 19
TOPIC_EXISTS = 36
OUT_OF_ORDER_SEQUENCE = 45
INVALID_PRODUCER_EPOCH = 47
STORAGE_ERROR = 56
FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH = 74, 75
PRODUCER_FENCED = 90

logging.getLogger("aiokafka").addHandler(logging.NullHandler())
"""What it says of connections is said here as well, once, in the server's log."""

_UNWELCOME = (
    kafka_errors.AuthenticationFailedError,
    kafka_errors.SaslAuthenticationFailed,
    SSLCertVerificationError,
    ValueError,  # with SCRAM: the broker does not know the password either
)

NOT_APPENDED = {
    UNKNOWN_TOPIC,
    LEADER_NOT_AVAILABLE,
    NOT_LEADER,
    NOT_ENOUGH_REPLICAS,
    STORAGE_ERROR,
    FENCED_LEADER_EPOCH,
    UNKNOWN_LEADER_EPOCH,
}
"""Errors after which this attempt has stored nothing, and another one may. All others leave it open."""


class KafkaError(Exception):
    """A request has failed; whether it had an effect is not known."""


class Unsent(KafkaError):
    """There was no connection to send the request on."""


class Unwelcome(Unsent):
    """A broker does not accept this client's name and password, or this client the broker's certificate."""


class BrokerRefusal(KafkaError):
    """A broker has answered with an error."""

    def __init__(self, what: str, code: int) -> None:
        name = kafka_errors.for_code(code).__name__
        super().__init__(f"{what}: {name} ({code})")
        self.code = code


@dataclass
class _BrokerNode:
    host: str
    port: int
    connections: dict[Lane, asyncio.Task[BrokerConnection]] = field(default_factory=dict)


class Cluster:
    """Open it by its first request; close it."""

    def __init__(self, bootstrap: Sequence[tuple[str, int]], security: BrokerSecurity) -> None:
        self._bootstrap = tuple(bootstrap)
        self._security = security
        self._tls = security.tls()
        self._nodes: dict[int, _BrokerNode] = {}
        self._leaders = Leaders()
        self._refreshed_s = 0.0
        self._hearings: set[asyncio.Task[None]] = set()
        self._joined: dict[int, BatchRequests[Produced]] = {}
        self._controller = -1
        self._is_closed = False

    async def close(self) -> None:
        """Close every connection."""
        self._is_closed = True
        for node_id in tuple(self._nodes):
            self._drop_node(node_id)
        for hearing in self._hearings:
            hearing.cancel()
        await asyncio.sleep(0)

    # Requests

    async def produce(self, topic: str, batch: bytes, lane: int = 0) -> Produced:
        """Send a batch, and wait until all in-sync replicas have it. Raises `KafkaError`."""
        request = ProduceRequest({topic: batch}, PRODUCE_BROKER_TIMEOUT_MS)
        answer = await self._ask_leader(topic, request, ("produce", lane % PRODUCE_LANES), REQUEST_TIMEOUT_MS)
        produced: Produced = answer[topic]
        self._note(topic, produced.code)
        return produced

    async def produce_joined(self, topic: str, batch: bytes) -> Produced:
        """The same in one request with what others send to that broker now. Raises `KafkaError`.

        A topic has one such batch at a time.
        """
        while True:
            node_id = self._leaders.get(topic)
            if node_id is None:
                node_id = await self.leader(topic)
            joined = self._joined.get(node_id)
            if joined is None:
                joined = self._joined[node_id] = BatchRequests(partial(self._produce_all, node_id))
            try:
                produced = await joined.add(topic, batch)
            except NotSent:
                self._leaders.pop(topic, None)  # another one may lead it by now
                continue
            except KafkaError:
                self._leaders.pop(topic, None)
                raise
            except NothingSaid as error:
                raise KafkaError(f"node {node_id}: {error}") from error
            self._note(topic, produced.code)
            return produced

    async def _produce_all(
        self, node_id: int, batches: Mapping[str, bytes], lane: int
    ) -> Mapping[str, Produced]:
        request = ProduceRequest(batches, PRODUCE_BROKER_TIMEOUT_MS)
        answers: Mapping[str, Produced] = await self._ask(
            node_id, request, ("joined", lane), REQUEST_TIMEOUT_MS
        )
        return answers

    async def fetch(self, topic: str, position: int, max_bytes: int, *, lane: int = 0) -> Fetched:
        """What lies from a position on; at once. Raises `KafkaError`."""
        found = await self._fetch({topic: position}, max_bytes, 0, ("read", lane % READ_LANES))
        return found[topic]

    async def follow(self, topic: str, position: int, max_bytes: int, max_wait_ms: int) -> Fetched:
        """The same on a connection of its own, waiting for records for so long. Raises `KafkaError`."""
        return (await self._fetch({topic: position}, max_bytes, max_wait_ms, ("metadata", 0)))[topic]

    async def poll(self, positions: Mapping[str, int], max_wait_ms: int) -> dict[str, Fetched]:
        """Wait for records behind the positions of topics that have the same leader. Raises `KafkaError`."""
        return await self._fetch(positions, POLL_BYTES, max_wait_ms, ("poll", 0))

    async def _fetch(
        self, positions: Mapping[str, int], max_bytes: int, max_wait_ms: int, lane: Lane
    ) -> dict[str, Fetched]:
        request = FetchRequest(positions, max_bytes, FETCH_BYTES_MAX, max_wait_ms)
        found: dict[str, Fetched] = await self._ask_leader(
            next(iter(positions)), request, lane, REQUEST_TIMEOUT_MS
        )
        for topic, fetched in found.items():
            self._note(topic, fetched.code)
        return found

    async def find_end(self, topic: str) -> int:
        """Behind the last record of which anybody was told before this call. Raises `KafkaError`.

        `LATEST` may be less: a leader that others have deposed knows nothing of what they have stored since.
        """
        await self.leader(topic)
        led = self._leaders.newest.get(topic)
        end, _ = await asyncio.gather(self.find_offset(topic, LATEST), self.confirm(topic))
        if self._leaders.newest.get(topic) != led:
            raise KafkaError(f"another one leads {topic} now")
        return end

    async def confirm(self, topic: str) -> None:
        """Make sure that nobody but the known leader has led a topic until now. Raises `KafkaError`."""
        await self.leader(topic)
        led = self._leaders.newest.get(topic)
        if led is None:
            raise KafkaError(f"nobody leads {topic}")
        missing = led.witnesses()
        others = [node_id for node_id in led.replicas if node_id != led.node_id and node_id in self._nodes]
        asked = [self._begin_hearing(node_id, topic) for node_id in others if missing]
        for hearing in asyncio.as_completed(asked):
            with suppress(KafkaError):
                await hearing
                missing -= 1
            if self._leaders.newest.get(topic) != led:
                raise KafkaError(f"another one leads {topic} now")
            if not missing:
                return
        if missing:
            raise KafkaError(f"too few brokers say who leads {topic}")

    async def refresh(self) -> None:
        """Ask who leads the topics in use, each time another broker, if it is time to. Raises `KafkaError`.

        Who reads from a leader that has been deposed without knowing it is told of no error: there is just
        nothing new.
        """
        now_s = asyncio.get_running_loop().time()
        if len(self._nodes) > 1 and now_s >= self._refreshed_s + REFRESH_S:
            self._refreshed_s = now_s
            await self._look_up(tuple(self._leaders))

    def _begin_hearing(self, node_id: int, topic: str) -> asyncio.Task[None]:
        """Others do not wait for the slowest, which goes on: to cancel it would close its connection."""
        hearing = asyncio.create_task(self._hear(node_id, topic))
        self._hearings.add(hearing)
        hearing.add_done_callback(self._note_end_of_hearing)
        return hearing

    async def _hear(self, node_id: int, topic: str) -> None:
        answer = await self._ask(node_id, MetadataRequest((topic,)), ("control", 1), REQUEST_TIMEOUT_MS)
        self._leaders.take(answer.topics, self._nodes)

    def _note_end_of_hearing(self, hearing: asyncio.Task[None]) -> None:
        self._hearings.discard(hearing)
        if not hearing.cancelled():
            hearing.exception()  # whoever waited has it, and maybe nobody does any more

    async def find_offset(self, topic: str, time_ms: int, *, lane: int = 0) -> int:
        """The first position of that time or later, -1 if there is none; or `LATEST`, `EARLIEST`.

        Raises `KafkaError`; `BrokerRefusal` is one.
        """
        request = OffsetRequest(-1, 0, [(topic, [(0, time_ms)])])
        answer = await self._ask_leader(topic, request, ("read", lane % READ_LANES), REQUEST_TIMEOUT_MS)
        _, code, _, position, *_ = answer.topics[0][1][0]
        self._note(topic, code)
        if code != NONE:
            raise BrokerRefusal(f"positions of {topic}", code)
        return int(position)

    async def find_offsets(self, topics: Sequence[str], time_ms: int) -> dict[str, int]:
        """The same of many topics, asked of each leader at once. Those that nobody tells are left out.

        Raises `KafkaError`.
        """
        unknown = [topic for topic in topics if topic not in self._leaders]
        if unknown:
            await self._look_up(unknown)
        led: dict[int, list[str]] = {}
        for topic in topics:
            if topic in self._leaders:
                led.setdefault(self._leaders[topic], []).append(topic)
        found: dict[str, int] = {}
        for node_id, named in led.items():
            found |= await self._offsets_of(node_id, named, time_ms)
        return found

    async def _offsets_of(self, node_id: int, topics: Sequence[str], time_ms: int) -> dict[str, int]:
        request = OffsetRequest(-1, 0, [(topic, [(0, time_ms)]) for topic in topics])
        try:
            answer = await self._ask(node_id, request, ("read", 0), REQUEST_TIMEOUT_MS)
        except KafkaError:
            for topic in topics:
                self._leaders.pop(topic, None)
            return {}
        found: dict[str, int] = {}
        for topic, partitions in answer.topics:
            _, code, _, position, *_ = partitions[0]
            self._note(topic, code)
            if code == NONE:
                found[topic] = int(position)
        return found

    async def delete_before(self, topic: str, position: int) -> None:
        """Forget what lies before a position. Raises `KafkaError`; `BrokerRefusal` is one."""
        request = DeleteRecordsRequest([(topic, [(0, position)])], CONTROL_BROKER_TIMEOUT_MS)
        answer = await self._ask_leader(topic, request, ("control", 0), CONTROL_TIMEOUT_MS)
        code = answer.topics[0][1][0][2]
        self._note(topic, code)
        if code not in (NONE, OFFSET_OUT_OF_RANGE):
            raise BrokerRefusal(f"forgetting records of {topic}", code)

    async def new_producer_id(self) -> int:
        """A producer id that nobody has had. Raises `KafkaError`; `BrokerRefusal` is one."""
        answer = await self._ask_any(InitProducerIdRequest(None, 60_000))
        if answer.error_code != NONE:
            raise BrokerRefusal("a producer id", answer.error_code)
        return int(answer.producer_id)

    async def create_topics(self, topics: Mapping[str, Mapping[str, str]], replicas: int) -> None:
        """Make topics of one partition with these settings, where there are none.

        Raises `KafkaError`; `BrokerRefusal` is one.
        """
        rows: list[Any] = [
            (topic, 1, replicas, [], list(settings.items())) for topic, settings in topics.items()
        ]
        answer = await self._ask_controller(CreateTopicsRequest(rows, CONTROL_BROKER_TIMEOUT_MS, False))
        for topic, code, _ in answer.topic_errors:
            if code not in (NONE, TOPIC_EXISTS):
                raise BrokerRefusal(f"making topic {topic}", code)

    async def set_topic(self, topic: str, settings: Mapping[str, str]) -> None:
        """Give a topic all its settings anew. Raises `KafkaError`; `BrokerRefusal` is one."""
        answer = await self._ask_controller(AlterConfigsRequest([(2, topic, list(settings.items()))]))
        code = answer.resources[0][0]
        if code not in (NONE, UNKNOWN_TOPIC):
            raise BrokerRefusal(f"settings of topic {topic}", code)

    async def delete_topics(self, topics: Collection[str]) -> None:
        """Delete topics, where there are any. Raises `KafkaError`; `BrokerRefusal` is one."""
        answer = await self._ask_controller(DeleteTopicsRequest(list(topics), CONTROL_BROKER_TIMEOUT_MS))
        for topic, code in answer.topic_error_codes:
            self._leaders.forget(topic)
            if code not in (NONE, UNKNOWN_TOPIC):
                raise BrokerRefusal(f"deleting topic {topic}", code)

    async def broker_setting(self, name: str) -> str | None:
        """A setting of a broker, of any of them; `None` if it has no such setting. Raises `KafkaError`.

        Raises `BrokerRefusal`.
        """
        await self._look_up(())
        node_id = next(iter(self._nodes))
        request = DescribeConfigsRequest([(4, str(node_id), [name])])
        answer = await self._ask(node_id, request, ("control", 0), CONTROL_TIMEOUT_MS)
        code, _, _, _, entries = answer.resources[0]
        if code != NONE:
            raise BrokerRefusal(f"setting {name}", code)
        return next((entry[1] for entry in entries if entry[0] == name), None)

    async def exists(self, topic: str) -> bool:
        """Whether there is such a topic, as far as the brokers know. Raises `KafkaError`."""
        codes = await self._look_up((topic,))
        return codes.get(topic, UNKNOWN_TOPIC) != UNKNOWN_TOPIC

    async def leader(self, topic: str) -> int:
        """The node that leads a topic. Raises `Unsent` while there is none."""
        node_id = self._leaders.get(topic)
        if node_id is None:
            await self._look_up((topic,))
            node_id = self._leaders.get(topic)
        if node_id is None:
            raise Unsent(f"nobody leads {topic}")
        return node_id

    def known_leader(self, topic: str) -> int | None:
        """The node that was last known to lead a topic."""
        return self._leaders.get(topic)

    def sweep(self) -> None:
        """Look which brokers answer for the batches that they have; every `SWEEP_S`."""
        for joined in self._joined.values():
            joined.sweep()

    def is_silent(self, topic: str) -> bool:
        """Whether the broker that leads a topic answers for no batch; any broker, if no leader is known."""
        node_id = self._leaders.get(topic)
        if node_id is None:
            return any(joined.is_silent() for joined in self._joined.values())
        return node_id in self._joined and self._joined[node_id].is_silent()

    def brokers(self) -> int:
        """How many brokers are known."""
        return len(self._nodes)

    # Ways

    def _note(self, topic: str, code: int) -> None:
        """After an error, look again who leads the topic."""
        if code not in (NONE, OFFSET_OUT_OF_RANGE):
            self._leaders.pop(topic, None)

    async def _ask_leader(self, topic: str, request: Any, lane: Lane, timeout_ms: int) -> Any:
        node_id = await self.leader(topic)
        try:
            return await self._ask(node_id, request, lane, timeout_ms)
        except KafkaError:
            self._leaders.pop(topic, None)
            raise

    async def _ask_controller(self, request: Any) -> Any:
        await self._look_up(())
        node_id = self._controller if self._controller in self._nodes else next(iter(self._nodes))
        return await self._ask(node_id, request, ("control", 0), CONTROL_TIMEOUT_MS)

    async def _ask_any(self, request: Any) -> Any:
        if not self._nodes:
            await self._look_up(())
        error: KafkaError = Unsent("no broker is known")
        for node_id in tuple(self._nodes):
            try:
                return await self._ask(node_id, request, ("control", 0), REQUEST_TIMEOUT_MS)
            except KafkaError as failed:
                error = failed
        raise error

    async def _ask(self, node_id: int, request: Any, lane: Lane, timeout_ms: int) -> Any:
        connection = await self._connection(node_id, lane)
        try:
            return await connection.ask(request, timeout_ms / 1000)
        except (kafka_errors.KafkaError, OSError, TimeoutError, RuntimeError) as error:
            # uvloop says RuntimeError of a connection that was lost a moment ago.
            self._drop(node_id, lane)
            raise KafkaError(f"node {node_id}: {str(error) or type(error).__name__}") from error
        except asyncio.CancelledError:
            self._drop(node_id, lane)  # its answer would be taken for the next one's delay
            raise

    async def _connection(self, node_id: int, lane: Lane) -> BrokerConnection:
        node = self._nodes.get(node_id)
        if node is None or self._is_closed:
            raise Unsent(f"node {node_id} is not known")
        task = node.connections.get(lane)
        if task is not None and task.done():
            if _is_connected(task):
                return task.result()
            self._drop(node_id, lane)
            task = None
        if task is None:
            task = node.connections[lane] = asyncio.create_task(self._connect(node.host, node.port))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if waiting is not None and waiting.cancelling():
                raise
            # Not the waiting task was cancelled, but the connection: another request has given up the node.
            raise Unsent(f"{node.host}:{node.port}: the connection was given up") from None
        except Unwelcome:
            self._drop(node_id, lane)
            raise
        except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
            self._drop(node_id, lane)
            raise Unsent(f"{node.host}:{node.port}: {str(error) or type(error).__name__}") from error

    async def _connect(self, host: str, port: int) -> BrokerConnection:
        security = self._security
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_MS / 1000):
                connection = BrokerConnection(
                    host,
                    port,
                    client_id=CLIENT_ID,
                    request_timeout_ms=CONTROL_TIMEOUT_MS + REQUEST_TIMEOUT_MS,
                    security_protocol=security.protocol,
                    ssl_context=self._tls,
                    sasl_mechanism=security.mechanism if security.protocol.startswith("SASL") else None,
                    sasl_plain_username=security.username,
                    sasl_plain_password=security.password,
                )
                await connection.connect()
                return connection
        except kafka_errors.UnsupportedSaslMechanismError as error:
            raise Unwelcome(f"{host}:{port}: it does not take {security.mechanism}") from error
        except kafka_errors.IllegalSaslStateError as error:
            raise Unwelcome(f"{host}:{port}: it does not take {security.protocol}") from error
        except _UNWELCOME as error:
            raise Unwelcome(f"{host}:{port}: {error}") from error

    def _drop(self, node_id: int, lane: Lane) -> None:
        node = self._nodes.get(node_id)
        task = node.connections.pop(lane, None) if node else None
        if task is not None:
            _close(task)

    def _drop_node(self, node_id: int) -> None:
        for lane in tuple(self._nodes[node_id].connections):
            self._drop(node_id, lane)
        del self._nodes[node_id]

    # Who leads what

    async def _look_up(self, topics: Sequence[str]) -> dict[str, int]:
        """Ask any broker for the others, the controller, and the leaders of topics; the topics' errors."""
        answer = await self._ask_whoever_answers(MetadataRequest(topics))
        self._take_nodes({node_id: (host, port) for node_id, host, port, *_ in answer.brokers})
        self._controller = answer.controller_id
        return self._leaders.take(answer.topics, self._nodes)

    async def _ask_whoever_answers(self, request: Any) -> Any:
        for node_id in tuple(self._nodes):
            if node_id in self._nodes:  # who is asked now is last the next time
                self._nodes[node_id] = self._nodes.pop(node_id)
            try:
                return await self._ask(node_id, request, ("control", 1), REQUEST_TIMEOUT_MS)
            except KafkaError:
                continue
        failed: dict[str, Exception] = {}
        for host, port in self._bootstrap:
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                    connection = await self._connect(host, port)
                try:
                    return await connection.ask(request, REQUEST_TIMEOUT_MS / 1000)
                finally:
                    connection.close()
            except (kafka_errors.KafkaError, OSError, TimeoutError, Unwelcome) as error:
                failed[f"{host}:{port}"] = error
        for refusal in failed.values():
            if isinstance(refusal, Unwelcome):
                raise refusal
        reasons = [f"{place}: {self._security.obstacle(reason)}" for place, reason in failed.items()]
        raise Unsent(f"no broker answers: {'; '.join(reasons)}")

    def _take_nodes(self, places: Mapping[int, tuple[str, int]]) -> None:
        if not places:
            return
        for node_id, node in tuple(self._nodes.items()):
            if places.get(node_id) != (node.host, node.port):
                self._drop_node(node_id)
        for node_id, (host, port) in places.items():
            if node_id not in self._nodes:
                self._nodes[node_id] = _BrokerNode(host, port)


def _is_connected(task: asyncio.Task[BrokerConnection]) -> bool:
    return not task.cancelled() and task.exception() is None and task.result().connected()


def _close(task: asyncio.Task[BrokerConnection]) -> None:
    """Close a connection, made already or not."""

    def close(done: asyncio.Task[BrokerConnection]) -> None:
        if not done.cancelled() and done.exception() is None:
            done.result().close()

    if task.done():
        close(task)
    else:
        task.add_done_callback(close)
        task.cancel()
