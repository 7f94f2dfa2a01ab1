"""Worker processes are killed, paused past their leases, resumed and added, while their stream reshards.

Meanwhile Kinesis fails by the server's rules, and the state by what `chaos` is given.
Then everything is held against what the consumer promises.
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from headwater.client.calls.errors import ConnectionFailed
from headwater.client.leases.lease import Lease
from headwater.client.leases.shard_tree import may_start
from headwater.testing.admin_client import AdminClient
from headwater.testing.server_faults import ServerFaults
from tests.client.consumer.consuming_program import TAKEN, state_of
from tests.client.streams import identity_of, new_stream, no_shards, status_of
from tests.conftest import RunningServer
from tests.waiting import RETRY_FOR_S

KEYS = 40
WORKERS = 5
SHARDS = 4
SHARDS_MAX = 8
PAUSED_LEASES = (0.5, 3.0)
"""How long a worker is paused, in lease periods."""
PROGRAM = "tests.client.consumer.consuming_program"


Rule = tuple[str, dict[str, Any]]
"""A method of `ServerFaults`, and its arguments."""

READS = ["GetRecords", "GetShardIterator"]
COMMON_FAULTS: list[Rule] = [
    ("error", {"operation": "ListShards", "error": "LimitExceededException", "probability": 0.2}),
    ("error", {"operation": "ListShards", "probability": 0.1}),
    ("cut", {"operation": "ListShards", "when": "before", "probability": 0.1}),
    ("cut", {"operation": "ListShards", "when": "after", "probability": 0.1}),
    ("error", {"operation": "DescribeStreamSummary", "probability": 0.2}),
    ("throttle", {"records": 3, "probability": 0.2}),
    ("throttle", {"error": "InternalFailure", "probability": 0.05}),
]
POLLING_FAULTS: list[Rule] = [
    *COMMON_FAULTS,
    ("error", {"operation": READS, "error": "ProvisionedThroughputExceededException", "probability": 0.03}),
    ("error", {"operation": READS, "probability": 0.03}),
    ("expire_iterator", {"probability": 0.03}),
    ("delay", {"operation": READS, "delay_ms": 300, "when": "before", "probability": 0.02}),
    ("delay", {"operation": READS, "delay_ms": 300, "when": "after", "probability": 0.02}),
    ("cut", {"operation": READS, "when": "before", "probability": 0.03}),
    ("cut", {"operation": READS, "when": "after", "probability": 0.03}),
]
SUBSCRIBES = {"operation": "SubscribeToShard"}
FAN_OUT_FAULTS: list[Rule] = [
    *COMMON_FAULTS,
    ("error", SUBSCRIBES | {"error": "LimitExceededException", "probability": 0.1}),
    ("error", SUBSCRIBES | {"probability": 0.1}),
    ("cut", SUBSCRIBES | {"when": "before", "probability": 0.1}),
    ("end_subscription", {"after_events": 2, "probability": 0.2}),
    ("end_subscription", {"after_events": 3, "cut": True, "probability": 0.2}),
    ("end_subscription", {"after_events": 1, "error": "InternalFailureException", "probability": 0.2}),
]
"""What happens to a stream that is polled, and to one that is subscribed to."""


class Handled(NamedTuple):
    """One line of a worker."""

    time_ns: int
    worker: str
    shard_id: str
    key: str
    number: int


class Workers:
    """The processes, dead and alive."""

    def __init__(
        self, stream: str, endpoint_url: str, state: str, lease_s: float, fan_out: str, folder: Path
    ) -> None:
        self._where = (stream, endpoint_url, state)
        self._how = (str(lease_s), "0", fan_out)
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._resumed_at_s: dict[str, float] = {}
        """When those who are paused are to go on."""

    @property
    def alive(self) -> list[str]:
        return [name for name, process in self._processes.items() if process.poll() is None]

    @property
    def awake(self) -> list[str]:
        return [name for name in self.alive if name not in self._resumed_at_s]

    def add(self) -> None:
        name = f"worker-{len(self._processes)}"
        command = [sys.executable, "-m", PROGRAM, *self._where, name, *self._how]
        with (
            (self._folder / f"{name}.printed").open("wb") as printed,
            (self._folder / f"{name}.log").open("wb") as log,
        ):
            self._processes[name] = subprocess.Popen(command, stdout=printed, stderr=log)

    def kill(self, name: str) -> None:
        self._processes[name].kill()
        self._processes[name].wait()
        self._resumed_at_s.pop(name, None)

    def pause(self, name: str, pause_s: float) -> None:
        self._processes[name].send_signal(signal.SIGSTOP)
        self._resumed_at_s[name] = time.monotonic() + pause_s

    def resume(self, now_s: float = inf) -> None:
        """Have those go on whose time it is."""
        for name in [name for name, at_s in self._resumed_at_s.items() if at_s <= now_s]:
            self._processes[name].send_signal(signal.SIGCONT)
            del self._resumed_at_s[name]

    def check_that_nobody_gave_up(self) -> None:
        """Who ended was killed."""
        ended = {name: process.returncode for name, process in self._processes.items() if process.poll()}
        assert set(ended.values()) <= {-signal.SIGKILL}, f"{ended}\n{self.log()}"

    def stop(self) -> list[int]:
        """Stop those who live, in good order; their exit codes."""
        self.resume()
        living = [self._processes[name] for name in self.alive]
        for process in living:
            process.terminate()
        try:
            return [process.wait(RETRY_FOR_S) for process in living]
        finally:
            for process in living:
                process.kill()
                process.wait()

    def handled(self) -> list[Handled]:
        """What all have printed, in the order of time; what one has at one time, in its order."""
        found = []
        for name in self._processes:
            for line in (self._folder / f"{name}.printed").read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    time_ns, shard_id, key, number = line.split("\t")
                    found.append(Handled(int(time_ns), name, shard_id, key, int(number)))
        return sorted(found, key=lambda line: line.time_ns)

    def log(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in sorted(self._folder.glob("worker-*.log")))


class Chaos:
    """One run."""

    def __init__(
        self, kinesis: Any, stream: str, workers: Workers, state: str, lease_s: float, seed: int
    ) -> None:
        """`state` is where the leases are seen; no fault is between."""
        self._kinesis = kinesis
        self._stream = stream
        self._workers = workers
        self._state = state
        self._lease_s = lease_s
        self._chance = random.Random(seed)
        self._put: dict[str, int] = defaultdict(int)
        self._checkpoints: dict[str, Lease] = {}

    def run(self, duration_s: float) -> None:
        for _ in range(WORKERS):
            self._workers.add()
        end_s = time.monotonic() + duration_s
        next_disturbance_s = time.monotonic() + 2.0
        while time.monotonic() < end_s:
            self.put_some()
            self.look()
            self._workers.resume(time.monotonic())
            if time.monotonic() >= next_disturbance_s:
                self.disturb()
                next_disturbance_s = time.monotonic() + self._chance.uniform(0.3, 1.2)
            time.sleep(0.05)
        self._workers.resume()

    def put_some(self) -> None:
        """The next number of some keys; a key whose record was refused waits for the next time."""
        keys = [f"key-{key}" for key in self._chance.sample(range(KEYS), KEYS // 2)]
        records = [{"PartitionKey": key, "Data": b"%d" % self._put[key]} for key in keys]
        results = self._kinesis.put_records(StreamName=self._stream, Records=records)["Records"]
        for key, result in zip(keys, results, strict=True):
            self._put[key] += "SequenceNumber" in result

    def disturb(self) -> None:
        alive = self._workers.alive
        holders = {lease.holder for lease in self._checkpoints.values()}
        at_work = [name for name in self._workers.awake if name in holders]
        match self._chance.choice(["kill", "pause", "pause", "add", "reshard", "reshard"]):
            case "kill" if len(alive) > 3:
                self._workers.kill(self._chance.choice(alive))
            case "pause" if len(at_work) > 1:
                pause_s = self._lease_s * self._chance.uniform(*PAUSED_LEASES)
                self._workers.pause(self._chance.choice(at_work), pause_s)
            case "add" if len(alive) < WORKERS:
                self._workers.add()
            case "reshard" if status_of(self._kinesis, self._stream) == "ACTIVE":
                self.reshard()

    def reshard(self) -> None:
        shards = [
            shard
            for shard in self._kinesis.list_shards(StreamName=self._stream)["Shards"]
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        ]
        shards.sort(key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
        index = self._chance.randrange(len(shards) - 1)
        try:
            if len(shards) >= SHARDS_MAX or (len(shards) > 2 and self._chance.random() < 0.5):
                self._kinesis.merge_shards(
                    StreamName=self._stream,
                    ShardToMerge=shards[index]["ShardId"],
                    AdjacentShardToMerge=shards[index + 1]["ShardId"],
                )
            else:
                keys = shards[index]["HashKeyRange"]
                middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"]) + 1) // 2
                self._kinesis.split_shard(
                    StreamName=self._stream,
                    ShardToSplit=shards[index]["ShardId"],
                    NewStartingHashKey=str(middle),
                )
        except ClientError as error:
            if error.response["Error"]["Code"] != "LimitExceededException":
                raise

    def look(self) -> dict[str, Lease]:
        """The leases now; no checkpoint may have gone back since the last look."""
        leases = {lease.key: lease for lease in self.leases_now()}
        for key, lease in leases.items():
            before = self._checkpoints.get(key, lease)
            assert not lease.checkpoint.is_before(before.checkpoint), (before, lease)
        self._checkpoints = leases
        return leases

    def wait_until_all_is_read(self) -> None:
        end_s = time.monotonic() + RETRY_FOR_S
        wanted = {(key, number) for key, count in self._put.items() for number in range(count)}
        while missing := wanted - {(line.key, line.number) for line in self._workers.handled()}:
            assert time.monotonic() < end_s, f"{sorted(missing)[:20]}\n{self._workers.log()}"
            time.sleep(0.2)

    def wait_until_balanced(self) -> None:
        end_s = time.monotonic() + RETRY_FOR_S
        while not self.is_balanced(self.look()):
            assert time.monotonic() < end_s, f"{self.look()}\n{self._workers.log()}"
            time.sleep(0.05)

    def leases_now(self) -> list[Lease]:
        """The leases, once others let go of what they are in: a paused worker, too, when its time is over."""
        end_s = time.monotonic() + RETRY_FOR_S
        while True:
            try:
                return asyncio.run(self.read_leases())
            except ConnectionFailed:
                if time.monotonic() > end_s:
                    raise
                self._workers.resume(time.monotonic())

    async def read_leases(self) -> list[Lease]:
        state = state_of(self._state)
        leases = await state.open(identity_of(self._kinesis, self._stream), no_shards)
        try:
            return await leases.leases()
        finally:
            await leases.close()

    def is_balanced(self, leases: dict[str, Lease]) -> bool:
        holders = [lease.holder for lease in leases.values() if may_start(lease, leases)]
        even = len(holders) / len(self._workers.alive)
        return all(abs(holders.count(name) - even) <= 1 for name in self._workers.alive) and all(
            holder in self._workers.alive for holder in holders
        )

    def check_the_tree(self) -> None:
        """Every closed shard has been read to its end, and no open one."""
        closed = {
            shard["ShardId"]: "EndingSequenceNumber" in shard["SequenceNumberRange"]
            for shard in self._kinesis.list_shards(StreamName=self._stream)["Shards"]
        }
        end_s = time.monotonic() + RETRY_FOR_S
        while {key: lease.is_complete for key, lease in self.look().items()} != closed:
            assert time.monotonic() < end_s, f"{self.look()}\n{self._workers.log()}"
            time.sleep(0.1)

    def check_order(self) -> None:
        """No key skips anything, and between hand-overs each of its records comes once, in order.

        Who lost a shard handles no more of it than the batch that it had in hand.
        """
        furthest: dict[str, int] = defaultdict(lambda: -1)
        last: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        holder: dict[str, str] = {}
        late: dict[tuple[str, str], set[int]] = defaultdict(set)
        for line in self._workers.handled():
            at = (line.worker, line.shard_id)
            if line.key == TAKEN:
                holder[line.shard_id] = line.worker
                last[at].clear()
                late[at].clear()
                continue
            if holder[line.shard_id] != line.worker:
                late[at].add(line.time_ns)
                assert len(late[at]) == 1, line
            assert line.number <= furthest[line.key] + 1, line
            furthest[line.key] = max(furthest[line.key], line.number)
            assert line.number == last[at].get(line.key, line.number - 1) + 1, line
            last[at][line.key] = line.number
        assert furthest == {key: count - 1 for key, count in self._put.items()}


IMPROBABLE = 0.001
"""A fault has had its chance when one run in a thousand would do without it."""


@contextmanager
def kinesis_faults(server: RunningServer, stream: str, rules: Sequence[Rule], seed: int) -> Iterator[None]:
    """The service fails by these rules, each of which must have come to pass at the end.

    But for those that had little chance: on a busy machine few calls are made.
    """
    faults = ServerFaults(AdminClient(server.endpoint_url))
    with ExitStack() as stack:
        added = [
            stack.enter_context(getattr(faults, action)(stream=stream, seed=seed + number, **members))
            for number, (action, members) in enumerate(rules)
        ]
        yield
        for fault, (_, members) in zip(added, rules, strict=True):
            without = (1 - members["probability"]) ** fault.matched
            assert fault.fired or IMPROBABLE < without < 1, fault


def patient_client(server: RunningServer) -> Any:
    """A boto3 client that tries again, and so is not told of faults, other than records that are refused."""
    return boto3.client(
        "kinesis",
        endpoint_url=server.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 10}),
    )


def chaos(
    server: RunningServer,
    state: str,
    folder: Path,
    *,
    lease_s: float,
    duration_s: float,
    seed: int,
    fan_out: str = "-",
    rules: Sequence[Rule] = (),
    faulty_state: str | None = None,
    state_faults: AbstractContextManager[object] | None = None,
) -> None:
    """Make a run and hold it against every rule.

    `faulty_state` is the way by which the workers come to the state, and `state_faults` has it fail; `rules`
    have the service fail. There are faults until all is read; evening out the leases has its time after that.
    """
    kinesis = patient_client(server)
    stream = new_stream(kinesis, SHARDS)
    workers = Workers(stream, server.endpoint_url, faulty_state or state, lease_s, fan_out, folder)
    run = Chaos(kinesis, stream, workers, state, lease_s, seed)
    run.look()
    try:
        with kinesis_faults(server, stream, rules, seed), state_faults or nullcontext():
            run.run(duration_s)
            run.wait_until_all_is_read()
            run.check_the_tree()
        run.wait_until_balanced()  # within how many lease periods, `test_worker_simulation` says
        workers.check_that_nobody_gave_up()
        exit_codes = workers.stop()
        # One that was added last may not have come to the point where it stops in good order.
        assert set(exit_codes) <= {0, -signal.SIGTERM}, workers.log()
        run.check_order()
    finally:
        for name in workers.alive:
            workers.kill(name)
        kinesis.close()
