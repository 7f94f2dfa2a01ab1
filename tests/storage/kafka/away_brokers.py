"""What a gateway holds while its only broker is away, by hand: python -m tests.storage.kafka.away_brokers

Starts a node and a gateway with a stream of many shards, and puts large calls over many connections, which
wait as long as an impatient client does. Then the node hangs, or with `--kill` is ended, for a while; then
it is back. Prints the gateway's memory meanwhile, and at the end what is wrong: each acknowledged
record must be there, once, where that was said, and all shards must take records again.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from tests.storage.kafka.gateways import CallFailed, Gateway
from tests.storage.kafka.nodes import KafkaNodes

STREAM = "orders"
VALUE = re.compile(r"[0-9]+/[0-9]+/[0-9]+")


class Load:
    """Connections that put without an end, and what came of it."""

    def __init__(self, gateway: Gateway, options: argparse.Namespace) -> None:
        self._gateway = gateway
        self._options = options
        self.phase = "before"
        self.outcomes: dict[str, Counter[str]] = {}
        self.longest_s: dict[str, float] = {}
        self.acknowledged: dict[str, tuple[str, str]] = {}
        """Value → shard and number."""
        self.ends = False

    async def put(self, session: aiohttp.ClientSession, connection: int) -> None:
        """Put until the end; after a call that has succeeded the connection rests, for the disk's sake."""
        chance, count = Random(connection), 0
        filling = "x" * self._options.record_bytes
        while not self.ends:
            count += 1
            values = [f"{connection}/{count}/{at}" for at in range(self._options.records)]
            records = [
                {
                    "Data": b64encode(f"{value} {filling}".encode()).decode(),
                    "PartitionKey": "key",
                    "ExplicitHashKey": str(chance.getrandbits(128)),
                }
                for value in values
            ]
            phase, began_s = self.phase, time.monotonic()
            outcome = await self._call(session, values, records)
            self.outcomes.setdefault(phase, Counter())[outcome] += 1
            self.longest_s[phase] = max(self.longest_s.get(phase, 0.0), time.monotonic() - began_s)
            await asyncio.sleep(self._options.rest_s if outcome == "stored" else 0.05)

    async def _call(self, session: aiohttp.ClientSession, values: list[str], records: list[Any]) -> str:
        try:
            answer = await self._gateway.call(
                session, "PutRecords", self._options.client_timeout_s, StreamName=STREAM, Records=records
            )
        except CallFailed as failed:
            return failed.error
        for value, placed in zip(values, answer["Records"], strict=True):
            if "SequenceNumber" in placed:
                self.acknowledged[value] = (placed["ShardId"], placed["SequenceNumber"])
        failed_count = answer["FailedRecordCount"]
        if not failed_count:
            return "stored"
        return "refused" if failed_count == len(values) else "stored in part"


def resident_mib(gateway: Gateway) -> dict[str, int]:
    """What the process has now, and has had at most, in MiB."""
    status = Path(f"/proc/{gateway.pid}/status").read_text()
    found = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status))
    return {name: int(kib) // 1024 for name, kib in found.items()}


async def tell(gateway: Gateway, session: aiohttp.ClientSession, load: Load) -> None:
    """A line every few seconds."""
    url = f"http://{gateway.machine.host}:{gateway.port}/_headwater/metrics"
    while True:
        waiting = "?"
        try:
            async with session.get(url, timeout=aiohttp.ClientTimeout(total=2)) as answer:
                found = re.search(r"^headwater_store_waiting_bytes (\S+)", await answer.text(), re.MULTILINE)
                waiting = f"{float(found[1]) / 2**20:.1f} MiB" if found else waiting
        except (aiohttp.ClientError, TimeoutError):
            pass
        print(time.strftime("%H:%M:%S"), load.phase, resident_mib(gateway), "waiting:", waiting, flush=True)
        await asyncio.sleep(5)


async def stored(gateway: Gateway, session: aiohttp.ClientSession) -> dict[str, list[tuple[str, str]]]:
    """Value → each shard and number at which it is."""
    found: dict[str, list[tuple[str, str]]] = {}
    shards: list[str] = []
    answer: dict[str, Any] = {"NextToken": None}
    while "NextToken" in answer:
        token = answer["NextToken"]
        named: dict[str, Any] = {"NextToken": token} if token else {"StreamName": STREAM}
        answer = await gateway.call(session, "ListShards", **named)
        shards += [shard["ShardId"] for shard in answer["Shards"]]
    for shard in shards:
        start: dict[str, Any] = {"StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = (await gateway.call(session, "GetShardIterator", **start))["ShardIterator"]
        while True:
            page = await gateway.call(session, "GetRecords", ShardIterator=iterator)
            for record in page["Records"]:
                value = b64decode(record["Data"]).decode().partition(" ")[0]
                found.setdefault(value, []).append((shard, record["SequenceNumber"]))
            iterator = page["NextShardIterator"]
            if not page["Records"] and not page["MillisBehindLatest"]:
                break
    return found


async def lived(gateway: Gateway, nodes: KafkaNodes, options: argparse.Namespace) -> list[str]:
    """Every rule that did not hold."""
    (node,) = nodes.nodes
    load = Load(gateway, options)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await gateway.ready(session)
        await gateway.call(session, "CreateStream", StreamName=STREAM, ShardCount=options.shards)
        summary: dict[str, Any] = {}
        while summary.get("StreamStatus") != "ACTIVE":
            answer = await gateway.call(session, "DescribeStreamSummary", StreamName=STREAM)
            summary = answer["StreamDescriptionSummary"]
        print("with nothing put:", resident_mib(gateway), flush=True)
        telling = asyncio.create_task(tell(gateway, session, load))
        putting = [asyncio.create_task(load.put(session, at)) for at in range(options.connections)]
        await asyncio.sleep(options.around_s)
        load.phase = "away"
        if options.kill:
            node.kill()
        else:
            node.signal(signal.SIGSTOP)
        await asyncio.sleep(options.away_s)
        load.phase = "coming back"
        if options.kill:
            node.start()
            await asyncio.to_thread(node.wait)
        else:
            node.signal(signal.SIGCONT)
        await asyncio.sleep(options.around_s)
        load.phase = "after"
        await asyncio.sleep(options.around_s)
        load.ends = True
        await asyncio.gather(*putting)
        telling.cancel()
        await asyncio.sleep(20)
        print("with nothing more put:", resident_mib(gateway))
        for phase, outcomes in load.outcomes.items():
            print(f"{phase}: {dict(outcomes)}, longest {load.longest_s[phase]:.1f} s")
        found = await stored(gateway, session)
        print(f"{len(load.acknowledged)} records acknowledged, {len(found)} stored")
    return broken(load, found)


def broken(load: Load, found: dict[str, list[tuple[str, str]]]) -> list[str]:
    """Every rule that does not hold of what is stored."""
    wrong = [
        f"{value} was acknowledged at {place} and is at {found.get(value)}"
        for value, place in load.acknowledged.items()
        if found.get(value) != [place]
    ]
    wrong += [f"{value} was put by nobody" for value in found if VALUE.fullmatch(value) is None]
    wrong += [f"{value} is twice" for value, places in found.items() if len(places) > 1]
    if set(load.outcomes.get("after", ())) != {"stored"}:
        wrong.append("puts do not all succeed again")
    return wrong


def main() -> int:
    """Live through it; 1 when a rule does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kill", action="store_true", help="end the node, instead of letting it hang")
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--records", type=int, default=500, help="of a call")
    parser.add_argument("--record-bytes", type=int, default=5_000)
    parser.add_argument("--client-timeout-s", type=float, default=5.0)
    parser.add_argument("--rest-s", type=float, default=5.0, help="after a call that has succeeded")
    parser.add_argument("--around-s", type=float, default=15.0, help="before, and twice after")
    parser.add_argument("--away-s", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nodes = KafkaNodes(folder / "nodes", 1)
        gateway = Gateway(nodes.url("away"), folder / "gateway.log")
        try:
            gateway.start()
            wrong = asyncio.run(lived(gateway, nodes, options))
        finally:
            gateway.kill()
            nodes.close()
            log = (folder / "gateway.log").read_text().splitlines()
        print(Counter(re.sub(r"^\S+ \S+ ", "", line)[:100] for line in log).most_common(8))
    print("\n".join(wrong[:20]) or "every rule holds")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
