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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from urllib.request import urlopen

import aiohttp
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.lambda_.function_server import PYTHON, ROLE, FunctionServer, zipped
from tests.lambda_.mappings.test_end_to_end_streams import assert_whole_and_in_order, delivered, split_first
from tests.storage.kafka.gateways import Gateway, running
from tests.storage.kafka.suites import requests_of_suites
from tests.storage.kafka.test_many_gateways import GOES_ON_WITHIN_S, settled
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
def handler(event, context):
    lines = [
        json.dumps([record["kinesis"]["partitionKey"], int(base64.b64decode(record["kinesis"]["data"]))])
        for record in event["Records"]
    ]
    time.sleep(0.03)  # so that a kill often comes while an invocation is under way
    with open(os.environ["OUT"], "a") as out:
        out.write("\\n".join(lines) + "\\n")
"""
BATCH = 20
KEYS = 17
SHARDS = 2
STREAM, FUNCTION = "clicks", "keeper"


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


class Clicks:
    """Somebody who puts numbers, each when the one before was taken, at whichever gateway answers."""

    def __init__(self, found: list[FunctionServer], alive: list[bool]) -> None:
        self._servers = found
        self._alive = alive
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._put_all)
        self.taken: list[tuple[str, int]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closing.set()
        self._thread.join()

    def _put_all(self) -> None:
        number = 0
        while not self._is_closing.is_set():
            record = (f"key-{number % KEYS}", number)
            at = next(
                at for at in range(number, number + len(self._servers)) if self._alive[at % len(self._alive)]
            )
            try:
                self._servers[at % len(self._servers)].kinesis.put_record(
                    StreamName=STREAM, PartitionKey=record[0], Data=str(number)
                )
            except (BotoCoreError, ClientError):
                continue  # it may be stored, and is put again
            self.taken.append(record)
            number += 1


def test_mappings_go_on_when_their_gateway_is_killed_or_sleeps(store_url: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with running(store_url, tmp_path, 3, *QUICK) as gateways, servers(gateways) as found:
        one = found[0]
        one.create_python(FUNCTION, KEEPER, Environment={"Variables": {"OUT": str(out)}})
        one.create_stream(STREAM, shards=SHARDS)
        found[1].map(STREAM, FUNCTION, BatchSize=BATCH)
        alive = [True, True, True]
        with Clicks(found, alive) as clicks:
            awaited(lambda: len(delivered(out)) > 100)
            assert_no_repeats(delivered(out))
            # 1. Who runs the mapping is killed.
            first = holder_of(gateways, alive)
            alive[first] = False
            gateways[first].kill()
            second = followed(gateways, alive, out)
            split_first(found[second], STREAM)
            # 2. Who follows sleeps in the middle of its batches.
            alive[second] = False
            gateways[second].signal(signal.SIGSTOP)
            third = followed(gateways, alive, out)
            # 3. It wakes, and goes on with what is not its any more.
            gateways[second].signal(signal.SIGCONT)
            alive[second] = True
            goes_on(out, 100)
            # 4. Nothing is left but what slept.
            alive[third] = False
            gateways[third].kill()
            assert followed(gateways, alive, out) == second
        awaited(lambda: set(clicks.taken) <= set(delivered(out)))
        lines = delivered(out)
        assert_whole_and_in_order(lines, len(clicks.taken))
        # Each end may repeat what was under way: a batch for each shard, whose parents may be among them.
        repeats = len(lines) - len(set(lines))
        assert repeats <= 3 * (SHARDS + 2) * BATCH, repeats
        awaited(lambda: behind(gateways[second]) == [0])


def test_a_gateway_that_is_stopped_repeats_nothing(store_url: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with running(store_url, tmp_path, 2, *QUICK) as gateways, servers(gateways) as found:
        found[0].create_python(FUNCTION, KEEPER, Environment={"Variables": {"OUT": str(out)}})
        found[0].create_stream(STREAM, shards=SHARDS)
        found[0].map(STREAM, FUNCTION, BatchSize=BATCH)
        alive = [True, True]
        with Clicks(found, alive) as clicks:
            awaited(lambda: len(delivered(out)) > 100)
            first = holder_of(gateways, alive)
            alive[first] = False
            gateways[first].stop()
            goes_on(out, 100)
        awaited(lambda: set(clicks.taken) <= set(delivered(out)))
        assert_whole_and_in_order(delivered(out), len(clicks.taken))
        assert_no_repeats(delivered(out))


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


def assert_no_repeats(lines: list[tuple[str, int]]) -> None:
    assert len(lines) == len(set(lines))


def goes_on(out: Path, count: int) -> None:
    """Wait for so many more deliveries."""
    before = len(delivered(out))
    awaited(lambda: len(delivered(out)) >= before + count)


def holder_of(gateways: list[Gateway], alive: list[bool]) -> int:
    """Which one holds the lease, of those that are alive."""

    async def found() -> Gateway:
        async with aiohttp.ClientSession() as session:
            return await settled(
                [each for each, lives in zip(gateways, alive, strict=True) if lives], session
            )

    return gateways.index(asyncio.run(found()))


def followed(gateways: list[Gateway], alive: list[bool], out: Path) -> int:
    """Who goes on, within five seconds."""
    ended_s = time.monotonic()
    found = holder_of(gateways, alive)
    assert time.monotonic() - ended_s < GOES_ON_WITHIN_S
    goes_on(out, 50)
    print(f"followed after {time.monotonic() - ended_s:.1f} s")
    return found


def behind(gateway: Gateway) -> list[int]:
    """How far each mapping is behind, as a gateway knows it."""
    with urlopen(f"http://127.0.0.1:{gateway.port}/_headwater/event-source-mappings") as answer:
        return [each["records_behind"] for each in json.load(answer)["event_source_mappings"]]
