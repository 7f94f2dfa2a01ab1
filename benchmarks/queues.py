"""Queues: how fast workers get through one, how soon a record is received, and what idle queues cost.

Workers are connections of wrk that receive ten and acknowledge ten in turn (`queue_work.lua`). The peer
is a server of SQS, whose queues do the same: ElasticMQ, in memory. It is visited in turn with Headwater in
each round. moto's SQS is none: each of its calls goes through all messages, and with 400 of them no worker
had its first ten after a second. A queue is filled before with what its server got through in a first
second, and half as much again, so that it does not run empty; a run in which it does has no figure.
"""

from __future__ import annotations

import base64
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.bench import HERE, Bench
from benchmarks.installing import NotInstalled
from benchmarks.kinesis import ACTIVE_TIMEOUT_S, CallFailed, Kinesis
from benchmarks.pushing import RECORDS_S, WARM_UP_S, push_latency
from benchmarks.results import Figure
from benchmarks.server_process import ServerProcess
from benchmarks.servers import ELASTICMQ, Server
from benchmarks.sqs import Sqs
from benchmarks.starting import SETTLE_S

SCRIPT = HERE / "queue_work.lua"
WORKERS = 16
RECORD_BYTES = 100
FEW_WAITING = 10_000
FIRST_FILL = 30_000
"""Records for the first second."""
IDLE_STREAMS, QUEUES_OF_EACH = 100, 10
IDLE_S = 10
STREAM = "queued"


@dataclass(frozen=True)
class Work:
    """What the workers did."""

    seconds: float
    acknowledged: int
    refused: int
    empty: int
    """Receives that gave nothing."""
    broken: int

    @property
    def rate(self) -> float:
        """Records a second that were received and acknowledged. Raises CallFailed after errors."""
        wrong = {"refused": self.refused, "empty receives": self.empty, "broken calls": self.broken}
        found = [f"{count} {what}" for what, count in wrong.items() if count]
        if found or not self.acknowledged:
            raise CallFailed(f"queues: {', '.join(found) or 'nothing was acknowledged'}")
        return self.acknowledged / self.seconds


@dataclass(frozen=True)
class Filled:
    """A queue that can be filled and worked through."""

    process: ServerProcess
    api: str
    name: str
    """Its ARN or URL."""
    put: Callable[[int], None]
    """Puts at least so many records into it."""

    def work(self, seconds: int) -> Work:
        """What the workers do in so many seconds."""
        command = ["wrk", "--threads", str(WORKERS), "--connections", str(WORKERS)]
        command += ["--duration", f"{seconds}s", "--timeout", "60s", "--script", str(SCRIPT)]
        command += [f"http://127.0.0.1:{self.process.port}/", "--", self.api, self.name]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        for line in run.stdout.splitlines():
            if line.startswith("{"):
                return Work(**json.loads(line))
        raise CallFailed(f"wrk: {(run.stdout + run.stderr).strip()[-300:]}")

    def rate(self, seconds: int, left: int = 0) -> float:
        """Records a second, after a warm-up; `left` or more wait at the end."""
        self.put(FIRST_FILL + left)
        warm = self.work(1)
        self.put(max(0, round(1.5 * warm.acknowledged * seconds) - (FIRST_FILL - warm.acknowledged)))
        return self.work(seconds).rate


def work(bench: Bench, server: Server) -> Iterator[Figure]:
    """Receive ten and acknowledge ten: Headwater in memory and on disk, and ElasticMQ in memory."""
    data = bench.scratch / "data"
    shutil.rmtree(data, ignore_errors=True)
    yield from _work_of(bench, partial(bench.start, server), _queue_of, server.name)
    on_disk = partial(bench.start, server, data)
    yield from _work_of(bench, on_disk, _queue_of, server.label(on_disk=True))
    shutil.rmtree(data, ignore_errors=True)
    try:
        bench.prepare(ELASTICMQ)
    except NotInstalled as error:
        raise CallFailed(str(error)) from error
    yield from _work_of(bench, partial(bench.start, ELASTICMQ), _queue_of_sqs, ELASTICMQ.name)


def _work_of(
    bench: Bench,
    start: Callable[[], Any],
    queue_of: Callable[[ServerProcess], Filled],
    label: str,
) -> Iterator[Figure]:
    with start() as process:
        queue = queue_of(process)
        yield Figure("queue_work_rate", label, queue.rate(bench.seconds))


def latency(bench: Bench, server: Server) -> Iterator[Figure]:
    """Put to receive of a waiting worker, and put to push, both without an SDK."""
    with bench.start(server) as process:
        queue = _queue_of(process)
        records = RECORDS_S * (WARM_UP_S + 2 * bench.seconds)
        program = [sys.executable, "-m", "benchmarks.put_to_push_sockets"]
        variables = {"AWS_ENDPOINT_URL_KINESIS": f"http://127.0.0.1:{process.port}"}
        with subprocess.Popen(
            [*program, "receive", queue.name, str(records)], stdout=subprocess.PIPE, text=True, env=variables
        ) as worker:
            try:
                writer = [*program, "write", STREAM, str(RECORDS_S), "10", str(records)]
                subprocess.run(writer, stdout=subprocess.PIPE, check=True, env=variables)
                assert worker.stdout is not None
                took_ms = sorted(json.loads(worker.stdout.read())[WARM_UP_S * RECORDS_S :])
            finally:
                worker.kill()
    yield Figure("queue_receive_ms_p50", server.name, took_ms[len(took_ms) // 2])
    yield Figure("queue_push_ms_p50", server.name, push_latency(bench, server, "sockets")["ms_p50"])


def waiting(bench: Bench, server: Server) -> Iterator[Figure]:
    """The rate with as many records waiting as a full stream has, and with few, in turn.

    Also what memory such a queue takes, from before there is one until it has been worked on.
    """
    with bench.start(server) as full:
        arn, put = filling(full.kinesis)
        put(bench.records_held)
        time.sleep(SETTLE_S)
        before = full.memory()
        many = Filled(full, "kinesis", new_queue(full.kinesis, arn, STREAM), put)
        many.work(1)
        more_mib = full.memory().anonymous_mib - before.anonymous_mib
        yield Figure("queue_many_waiting_more_mib", server.name, more_mib, bench.records_held)
        for _ in range(bench.rounds):
            with bench.start(server, beside=True) as other:
                few = _queue_of(other)
                rate = few.rate(bench.seconds, left=FEW_WAITING)
                yield Figure("queue_few_waiting_rate", server.name, rate, FEW_WAITING)
            rate = many.rate(bench.seconds)
            yield Figure("queue_many_waiting_rate", server.name, rate, bench.records_held)


def idle(bench: Bench, server: Server) -> Iterator[Figure]:
    """1,000 queues on 100 streams that nobody uses, beside a server with the streams alone."""
    options = ("--transition-ms", "0", "--on-demand-stream-limit", str(IDLE_STREAMS))
    with (
        bench.start(server, options=options) as with_queues,
        bench.start(server, options=options, beside=True) as without,
    ):
        for process, queues in ((with_queues, QUEUES_OF_EACH), (without, 0)):
            for number in range(IDLE_STREAMS):
                stream_arn = _new_stream(process.kinesis, f"{STREAM}-{number}")
                for each in range(queues):
                    new_queue(process.kinesis, stream_arn, f"queue-{number}-{each}")
        time.sleep(SETTLE_S)
        before_s = with_queues.scheduled_s(), without.scheduled_s()
        time.sleep(IDLE_S)
        after_s = with_queues.scheduled_s(), without.scheduled_s()
        queues_s, alone_s = (after - before for after, before in zip(after_s, before_s, strict=True))
        more_mib = with_queues.memory().anonymous_mib - without.memory().anonymous_mib
    held = IDLE_STREAMS * QUEUES_OF_EACH
    yield Figure("queue_idle_cpu_ms_s", server.name, queues_s * 1000 / IDLE_S, held)
    yield Figure("queue_idle_alone_cpu_ms_s", server.name, alone_s * 1000 / IDLE_S)
    yield Figure("queue_idle_more_mib", server.name, more_mib, held)


def _queue_of(process: ServerProcess) -> Filled:
    """A queue of Headwater on an on-demand stream of its own."""
    arn, put = filling(process.kinesis)
    return Filled(process, "kinesis", new_queue(process.kinesis, arn, STREAM), put)


def filling(kinesis: Kinesis) -> tuple[str, Callable[[int], None]]:
    """The ARN of a new on-demand stream, and what puts records into it."""
    arn = _new_stream(kinesis, STREAM)
    seeded = random.Random(RECORD_BYTES)
    entries = [
        {"Data": base64.b64encode(seeded.randbytes(RECORD_BYTES)).decode(), "PartitionKey": f"key-{number}"}
        for number in range(500)
    ]
    body = json.dumps({"StreamName": STREAM, "Records": entries})

    def put(count: int) -> None:
        for _ in range(0, count, len(entries)):
            kinesis.send("PutRecords", body)

    return arn, put


def _queue_of_sqs(process: ServerProcess) -> Filled:
    """The same of a server of SQS."""
    sqs = Sqs(process.port)
    url = sqs.call("CreateQueue", QueueName=STREAM)["QueueUrl"]
    entries = [{"Id": str(number), "MessageBody": "x" * RECORD_BYTES} for number in range(10)]

    def put(count: int) -> None:
        for _ in range(0, count, len(entries)):
            sqs.call("SendMessageBatch", QueueUrl=url, Entries=entries)

    return Filled(process, "sqs", url, put)


def _new_stream(kinesis: Kinesis, name: str) -> str:
    """The ARN of an on-demand stream that is ACTIVE."""
    kinesis.call("CreateStream", StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    _wait_until_active(lambda: kinesis.summary(name)["StreamStatus"])
    return str(kinesis.summary(name)["StreamARN"])


def new_queue(kinesis: Kinesis, stream_arn: str, name: str) -> str:
    """The ARN of a queue that is ACTIVE."""
    start = {"StreamARN": stream_arn, "StartingPosition": {"Type": "TRIM_HORIZON"}}
    created = kinesis.call("CreateQueue", QueueName=name, StreamConfigurationList=[start])
    arn = str(created["QueueDescription"]["QueueARN"])
    _wait_until_active(lambda: kinesis.call("DescribeQueue", QueueARN=arn)["QueueDescription"]["QueueStatus"])
    return arn


def _wait_until_active(status: Callable[[], str]) -> None:
    deadline = time.monotonic() + ACTIVE_TIMEOUT_S
    while status() != "ACTIVE":
        if time.monotonic() > deadline:
            raise CallFailed("a stream or queue did not become ACTIVE")
        time.sleep(0.02)
