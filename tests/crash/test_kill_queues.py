"""`kill -9` under load, of a server with a queue: no record is lost and no acknowledgement forgotten.

In each round producers put records, workers receive them, acknowledge most, give some back and let some
die, until the server is killed. A copy of its directory must pass the check. What a worker was told is
acknowledged is never seen again, by anybody; a dead letter that somebody was given stays one. In the end
everything that a producer was told is stored has been acknowledged, or is given once more, or is dead.
"""

from __future__ import annotations

import base64
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from headwater.app.offline_data import check_data
from tests.crash.server_process import GONE, Connection, ServerProcess
from tests.waiting import wait_until

pytestmark = pytest.mark.long
ROUNDS = 5
WORKERS = 4
VISIBILITY_S = 43_200
DEAD = "ReceiveDeadLetterQueueRecords"


class QueueLoad:
    """What producers and workers were told, over all rounds."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.stored: set[str] = set()
        self.acknowledged: set[str] = set()
        self.unsure: set[str] = set()
        """What was acknowledged without an answer."""
        self.dead: set[str] = set()
        self.failures: list[str] = []
        self.arn = ""
        self._numbers = count()
        self._lock = threading.Lock()
        self._is_over = threading.Event()

    def run(self, server: ServerProcess, seconds: float) -> None:
        """Load the server, and kill it after about so long: later if it was too busy to do anything."""
        self._is_over.clear()
        acknowledged, dead = len(self.acknowledged), len(self.dead)
        parts: list[Callable[[Connection, Random], None]] = [self._produce, self._look_at_the_dead]
        parts += [self._work] * WORKERS
        threads = [
            threading.Thread(target=self._until_gone, args=(server, part, self.chance.random()))
            for part in parts
        ]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        wait_until(lambda: self.failures or (len(self.acknowledged) > acknowledged and len(self.dead) > dead))
        server.kill()
        self._is_over.set()
        for thread in threads:
            thread.join()
        assert self.failures == []

    def _until_gone(
        self, server: ServerProcess, part: Callable[[Connection, Random], None], seed: float
    ) -> None:
        chance, connection = Random(seed), server.connect()
        try:
            while not self._is_over.is_set():
                part(connection, chance)
        except GONE:
            pass
        except AssertionError as failure:
            self.failures.append(str(failure))
        finally:
            connection.close()

    def _produce(self, connection: Connection, chance: Random) -> None:
        texts = [f"r{next(self._numbers)}" for _ in range(chance.choice((1, 5, 50)))]
        records = [{"Data": base64.b64encode(text.encode()).decode(), "PartitionKey": text} for text in texts]
        assert connection.call("PutRecords", StreamName="orders", Records=records)["FailedRecordCount"] == 0
        with self._lock:
            self.stored.update(texts)

    def received(self, connection: Connection, operation: str, **members: Any) -> dict[str, str]:
        """The handles of what a receive gives, by text."""
        with self._lock:  # what others are told meanwhile may be later than this answer
            acknowledged, dead = set(self.acknowledged), set(self.dead)
        answer = connection.call(operation, QueueARN=self.arn, WaitTimeSeconds=1, **members)
        found = {base64.b64decode(r["Data"]).decode(): r["ReceiptHandle"] for r in answer["QueueRecords"]}
        again = acknowledged & found.keys()
        assert not again, f"{operation} gives what was acknowledged: {again}"
        alive = set() if operation == DEAD else dead & found.keys()
        assert not alive, f"dead letters are alive again: {alive}"
        return found

    def _work(self, connection: Connection, chance: Random) -> None:
        timeout_s = 0 if chance.random() < 0.2 else VISIBILITY_S
        found = self.received(connection, "ReceiveQueueRecords", VisibilityTimeoutSeconds=timeout_s)
        if not found or not timeout_s or chance.random() < 0.1:
            return
        chosen = dict(list(found.items())[: chance.randint(1, len(found))])
        self._acknowledge(connection, "AcknowledgeQueueRecords", chosen)

    def _look_at_the_dead(self, connection: Connection, chance: Random) -> None:
        found = self.received(connection, DEAD, VisibilityTimeoutSeconds=0)
        with self._lock:
            self.dead.update(found)
        if found and chance.random() < 0.2:
            self._acknowledge(connection, "AcknowledgeDeadLetterQueueRecords", dict([found.popitem()]))

    def _acknowledge(self, connection: Connection, operation: str, found: dict[str, str]) -> None:
        entries = [{"ReceiptHandle": handle} for handle in found.values()]
        with self._lock:
            self.unsure.update(found)
        answer = connection.call(operation, QueueARN=self.arn, Entries=entries)
        done = {entry["ReceiptHandle"] for entry in answer["Successful"]}
        with self._lock:
            self.unsure -= {text for text, handle in found.items() if handle not in done}
            # A handle with no visibility left may be an older one by now: then it did nothing.
            self.acknowledged.update(text for text, handle in found.items() if handle in done)

    def check_whole(self, connection: Connection) -> None:
        """Receive all that there is."""
        found: set[str] = set()
        for operation in ("ReceiveQueueRecords", DEAD):
            while texts := self.received(connection, operation, VisibilityTimeoutSeconds=VISIBILITY_S):
                found.update(texts)
        assert self.stored - found - self.acknowledged - self.unsure == set()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_server_loses_no_record_and_forgets_no_acknowledgement(seed: int, tmp_path: Path) -> None:
    load = QueueLoad(seed)
    folder, log = tmp_path / "data", tmp_path / "log"
    for number in range(ROUNDS):
        server = ServerProcess(folder, 0, log)
        server.wait_until_ready()
        try:
            if number == 0:
                with closing(server.connect()) as connection:
                    load.arn = create_queue(connection)
            load.run(server, 0.5 + load.chance.random())
        finally:
            server.kill()
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(folder, copy)
        assert check_data(copy) == []
    server = ServerProcess(folder, 0, log)
    server.wait_until_ready()
    try:
        with closing(server.connect()) as connection:
            load.check_whole(connection)
    finally:
        assert server.stop() == 0
    assert load.acknowledged
    assert load.dead
    assert check_data(folder) == []


def create_queue(connection: Connection) -> str:
    """The ARN of a queue on the new stream `orders`, which lets a record die after two receives."""
    connection.call("CreateStream", StreamName="orders", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    summary = connection.call("DescribeStreamSummary", StreamName="orders")["StreamDescriptionSummary"]
    queue = connection.call(
        "CreateQueue",
        QueueName="work",
        StreamConfigurationList=[{"StreamARN": summary["StreamARN"]}],
        QueueAttributes={"DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 2}},
    )
    arn: str = queue["QueueDescription"]["QueueARN"]
    connection.call("DescribeQueue", QueueARN=arn)
    return arn
