"""Lambda over gateways: two in turn are as one server, and mappings go on when theirs is killed or sleeps."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Self
from urllib.request import urlopen

import aiohttp
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.lambda_.function_server import PYTHON, ROLE, FunctionServer, client_for, zipped
from tests.lambda_.mappings.test_end_to_end_streams import assert_whole_and_in_order, split_first
from tests.storage.kafka.gateways import Gateway, running
from tests.storage.kafka.suites import requests_of_suites
from tests.storage.kafka.test_many_gateways import settled
from tests.waiting import awaited

pytestmark = pytest.mark.long

QUICK = ("--transition-ms", "20")
SUITES = (
    "tests/lambda_/functions/test_end_to_end_functions.py",
    "tests/lambda_/functions/test_end_to_end_invoke.py",
)
OF_ONE_SERVER = (
    "test_a_function_is_pending_and_then_active",
    "test_functions_are_listed_by_pages_and_by_account",
    "test_functions_survive_a_restart_and_their_unused_code_does_not",
    "test_code_is_taken_from_a_caller_only_where_callers_are_known_or_near",
    "test_another_account_may_do_what_a_policy_allows",
    "test_code_may_come_from_a_bucket_beside_headwater",
    "test_a_process_stays_warm_and_gives_way_to_new_code",
    "test_a_function_that_takes_too_long_is_killed_and_the_next_one_is_fresh",
    "test_what_is_reserved_bounds_the_invocations_at_once",
    "test_as_many_processes_run_as_may_and_the_oldest_gives_way",
    "test_a_function_runs_with_the_python_that_it_is_for",
    "test_the_environment_is_lambdas_and_the_functions_own",
)
"""Those that start a server of their own, or look at the processes of one."""

KEEPER = """
import base64, json, os, time
gateway = os.environ["AWS_ENDPOINT_URL"]
def handler(event, context):
    lines = [
        json.dumps([each["partitionKey"], int(base64.b64decode(each["data"])), gateway])
        for each in (record["kinesis"] for record in event["Records"])
    ]
    time.sleep(0.03)  # so that a kill often comes while an invocation is under way
    with open(os.environ["OUT"], "a") as out:
        out.write("\\n".join(lines) + "\\n")
"""
"""Writes a line for each record: its key, its number, and the gateway that has run the function."""
BATCH = 20
KEYS = 17
SHARDS = 2
STREAM, FUNCTION = "clicks", "keeper"
ASK_AGAIN_S = 5.0
"""After so long without an answer a put is made elsewhere: its gateway may sleep until the test wakes it."""
TRIES = 3

Record = tuple[str, int]
"""Key and number."""


def test_the_lambda_api_of_two_gateways_is_that_of_one_server(store_url: str, tmp_path: Path) -> None:
    left_out = " or ".join(OF_ONE_SERVER)
    with running(store_url, tmp_path, 2, *QUICK) as gateways:
        requests = requests_of_suites(gateways, "-k", f"not ({left_out})", *SUITES)
    assert min(requests.values()) > 50, requests


def test_fifty_megabytes_of_code_run_where_they_were_not_given(store_url: str, tmp_path: Path) -> None:
    with running(store_url, tmp_path, 2, *QUICK) as gateways, servers(gateways) as (one, other):
        code = with_noise(50_000_000)
        members = {"Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler"}
        one.client.create_function(FunctionName="large", Code={"ZipFile": code}, **members)
        other.await_active("large")
        assert other.invoke("large").payload == "large"
        for server in (one, other):
            place = server.client.get_function(FunctionName="large")["Code"]["Location"]
            with urlopen(place) as answer:
                assert answer.read() == code


class Delivery(NamedTuple):
    """One line of the function."""

    key: str
    number: int
    gateway: str
    """The URL of who has run it."""

    @property
    def record(self) -> Record:
        return self.key, self.number


class Clicks:
    """Somebody who puts numbers, each when the one before was taken, at whichever gateway answers."""

    def __init__(self, found: list[FunctionServer], alive: list[bool]) -> None:
        self._clients = [
            client_for("kinesis", each.endpoint_url, read_timeout_s=ASK_AGAIN_S) for each in found
        ]
        self._alive = alive
        self._is_closing = threading.Event()
        self._may_put = threading.Event()
        self._may_put.set()
        self._putting = threading.Lock()
        self._thread = threading.Thread(target=self._put_all)
        self.taken: list[Record] = []
        self.asked: Counter[Record] = Counter()
        """How often each was put: more than once if an answer did not come, and it may be there as often."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closing.set()
        self._may_put.set()
        self._thread.join()
        for client in self._clients:
            client.close()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is put while the block runs, and no answer is waited for."""
        self._may_put.clear()
        with self._putting:
            pass
        try:
            yield
        finally:
            self._may_put.set()

    def _put_all(self) -> None:
        while not self._is_closing.is_set():
            self._may_put.wait()
            with self._putting:
                if self._may_put.is_set():
                    self._put(len(self.taken))

    def _put(self, number: int) -> None:
        record = (f"key-{number % KEYS}", number)
        count = len(self._clients)
        at = next(at % count for at in range(number, number + count) if self._alive[at % count])
        self.asked[record] += 1
        with suppress(BotoCoreError, ClientError):  # it may be stored, and is put again
            self._clients[at].put_record(StreamName=STREAM, PartitionKey=record[0], Data=str(number))
            self.taken.append(record)


class Calm(NamedTuple):
    """A moment at which all that was put was done, and written as done."""

    done: set[Record]
    deliveries: int
    """How many there were by then."""


def test_mappings_go_on_when_their_gateway_is_killed_or_sleeps(store_url: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with running(store_url, tmp_path, 3, *QUICK) as gateways, servers(gateways) as found:
        one = found[0]
        one.create_python(FUNCTION, KEEPER, Environment={"Variables": {"OUT": str(out)}})
        one.create_stream(STREAM, shards=SHARDS)
        found[1].map(STREAM, FUNCTION, BatchSize=BATCH)
        alive = [True, True, True]
        with Clicks(found, alive) as clicks:
            goes_on(out, 100)
            # 1. Who runs the mapping is killed.
            first = holder_of(gateways, alive)
            calms = [calm(clicks, out, other_than(first, gateways, alive), SHARDS)]
            goes_on(out, 100)
            alive[first] = False
            gateways[first].kill()
            second = followed(gateways, alive, out)
            split_first(found[second], STREAM)
            calms.append(calm(clicks, out, other_than(second, gateways, alive), SHARDS + 2))
            goes_on(out, 100)
            # 2. Who follows sleeps in the middle of its batches.
            alive[second] = False
            gateways[second].signal(signal.SIGSTOP)
            third = followed(gateways, alive, out)
            # 3. It wakes, and goes on with what is not its any more.
            gateways[second].signal(signal.SIGCONT)
            alive[second] = True
            calms.append(calm(clicks, out, gateways[second], SHARDS + 2))
            goes_on(out, 100)
            # 4. Nothing is left but what slept.
            alive[third] = False
            gateways[third].kill()
            assert followed(gateways, alive, out) == second
        await_all(clicks, out)
        lines = deliveries(out)
        print(f"{len(lines)} deliveries of {len(clicks.taken)} records")
        assert_whole_and_in_order([line.record for line in lines], len(clicks.taken))
        assert_each_gives_a_record_once_while_it_holds_the_lease(lines, clicks.asked)
        for each in calms:
            again = each.done & {line.record for line in lines[each.deliveries :]}
            assert all(clicks.asked[record] > 1 for record in again), again
        awaited(lambda: progress(gateways[second]) == [(0, SHARDS + 2)])


def test_a_gateway_that_is_stopped_repeats_nothing(store_url: str, tmp_path: Path) -> None:
    """Tried again if it does: who could not run for three seconds had lost the lease before."""
    for attempt in range(TRIES):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        if not records_twice_after_a_stop(f"{store_url}-{attempt}", folder):
            return
    pytest.fail("each time records came twice")


def records_twice_after_a_stop(store_url: str, folder: Path) -> int:
    """How many come twice when the gateway that runs a mapping is stopped."""
    out = folder / "out"
    with running(store_url, folder, 2, *QUICK) as gateways, servers(gateways) as found:
        found[0].create_python(FUNCTION, KEEPER, Environment={"Variables": {"OUT": str(out)}})
        found[0].create_stream(STREAM, shards=SHARDS)
        found[0].map(STREAM, FUNCTION, BatchSize=BATCH)
        alive = [True, True]
        with Clicks(found, alive) as clicks:
            goes_on(out, 100)
            first = holder_of(gateways, alive)
            alive[first] = False
            gateways[first].stop()
            goes_on(out, 100)
        await_all(clicks, out)
        lines = deliveries(out)
        assert_whole_and_in_order([line.record for line in lines], len(clicks.taken))
        assert_each_gives_a_record_once_while_it_holds_the_lease(lines, clicks.asked)
        return len(lines) - len({line.record for line in lines})


def test_of_two_gateways_that_make_the_same_mapping_one_does(store_url: str, tmp_path: Path) -> None:
    with running(store_url, tmp_path, 2, *QUICK) as gateways, servers(gateways) as found:
        found[0].create_python(FUNCTION, "def handler(event, context): pass")
        found[0].create_stream(STREAM)
        arn = found[0].stream_arn(STREAM)
        request = {"EventSourceArn": arn, "FunctionName": FUNCTION, "StartingPosition": "LATEST"}

        def make(server: FunctionServer) -> str:
            try:
                server.client.create_event_source_mapping(**request)
            except server.client.exceptions.ResourceConflictException:
                return "refused"
            return "made"

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(make, found)) == ["made", "refused"]


# What the tests look at


@contextmanager
def servers(gateways: list[Gateway]) -> Iterator[list[FunctionServer]]:
    """The clients of each gateway, until the block is left."""
    found = [FunctionServer(f"http://127.0.0.1:{gateway.port}") for gateway in gateways]
    try:
        yield found
    finally:
        for server in found:
            server.close()


def with_noise(size: int) -> bytes:
    """A zip of about so many bytes."""
    body = io.BytesIO(zipped({"app.py": "def handler(event, context): return 'large'"}))
    with zipfile.ZipFile(body, "a") as archive:
        archive.writestr("noise", os.urandom(size))
    return body.getvalue()


def deliveries(out: Path) -> list[Delivery]:
    """What the function got, in the order in which it wrote it down."""
    if not out.exists():
        return []
    return [Delivery(*json.loads(line)) for line in out.read_text().splitlines() if line.endswith("]")]


def assert_each_gives_a_record_once_while_it_holds_the_lease(
    lines: list[Delivery], asked: Counter[Record]
) -> None:
    """Between two deliveries of a record by one gateway comes one by another, or the record was put twice."""
    turn, given = 0, Counter[tuple[int, Record]]()
    for before, line in pairwise([None, *lines]):
        assert line is not None
        turn += before is None or before.gateway != line.gateway
        given[turn, line.record] += 1
    often = {of: count for of, count in given.items() if count > asked[of[1]]}
    assert not often, often


def goes_on(out: Path, count: int) -> None:
    """Wait for so many more deliveries."""
    before = len(deliveries(out))
    awaited(lambda: len(deliveries(out)) >= before + count)


def await_all(clicks: Clicks, out: Path) -> None:
    """Wait for everything that was taken."""
    awaited(lambda: {line.record for line in deliveries(out)}.issuperset(clicks.taken))


def calm(clicks: Clicks, out: Path, gateway: Gateway, shards: int) -> Calm:
    """Let all be done that was put, and let a gateway that has not done it know: then it is written.

    What was done by now must never come again, whoever is killed: `shards` is of how many it must know.
    """
    with clicks.paused():
        await_all(clicks, out)
        awaited(lambda: progress(gateway) == [(0, shards)])
        return Calm(set(clicks.taken), len(deliveries(out)))


def other_than(at: int, gateways: list[Gateway], alive: list[bool]) -> Gateway:
    """One that lives."""
    return next(gateways[each] for each, lives in enumerate(alive) if lives and each != at)


def holder_of(gateways: list[Gateway], alive: list[bool]) -> int:
    """Which one holds the lease, of those that are alive."""

    async def found() -> Gateway:
        async with aiohttp.ClientSession() as session:
            return await settled(
                [each for each, lives in zip(gateways, alive, strict=True) if lives], session
            )

    return gateways.index(asyncio.run(found()))


def followed(gateways: list[Gateway], alive: list[bool], out: Path) -> int:
    """Who goes on. How soon, `test_simulated_lease` says: its clock is not that of a busy machine."""
    ended_s = time.monotonic()
    found = holder_of(gateways, alive)
    goes_on(out, 50)
    print(f"followed after {time.monotonic() - ended_s:.1f} s")
    return found


def progress(gateway: Gateway) -> list[tuple[int, int]]:
    """How far each mapping is behind, and of how many shards that is known, as a gateway knows it."""
    with urlopen(f"http://127.0.0.1:{gateway.port}/_headwater/event-source-mappings") as answer:
        mappings = json.load(answer)["event_source_mappings"]
    return [(each["records_behind"], len(each["shards"])) for each in mappings]
