"""A history as long as one likes, by hand: python -m tests.storage.kafka.live_history --minutes 30 --seed 1

Starts three nodes and three gateways, prints what has happened every minute, and at the end what is wrong,
and which calls took longer than is promised. With `--folder` the logs of all are left there.
With `--cuts` each has a network of its own, and these are cut as well: by root alone. With `--lasting` all
brokers hang at once, a gateway sleeps for a minute, and cuts stay for half a minute. With `--skew` the first
gateway's clock is behind and the last one's ahead by so many seconds, by libfaketime.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.storage.kafka.gateways import Gateway
from tests.storage.kafka.history import History
from tests.storage.kafka.machines import (
    Machines,
    gateway_machine,
    in_own_network,
    node_machine,
    one_machine,
    separate,
)
from tests.storage.kafka.nodes import KafkaNodes

TELL_EVERY_S = 60.0


async def _live(history: History, nodes: KafkaNodes, duration_s: float) -> None:
    async def tell() -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            print(time.strftime("%H:%M:%S"), history.told(), flush=True)

    telling = asyncio.create_task(tell())
    try:
        await history.run(duration_s, nodes=nodes.nodes)
    finally:
        telling.cancel()


def main() -> int:
    """Live through a history; 1 when a rule does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cuts", action="store_true", help="of networks, too")
    parser.add_argument("--lasting", action="store_true", help="faults that last, too")
    parser.add_argument("--skew", type=int, default=0, help="of gateways' clocks, in seconds")
    parser.add_argument("--folder", type=Path, help="for what nodes and gateways write; it is left there")
    options = parser.parse_args()
    numbers = (1, 2, 3)
    node_machines: Machines = one_machine
    gateway_machines: Machines = one_machine
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        if options.cuts:
            in_own_network()
            node_machines, gateway_machines = node_machine, gateway_machine
            stack.enter_context(
                separate([m(number) for m in (node_machine, gateway_machine) for number in numbers])
            )
        nodes = KafkaNodes(folder / "nodes", len(numbers), machines=node_machines)
        url = nodes.url("history")
        gateways = [
            Gateway(url, folder / f"gateway-{number}.log", machine=machine._replace(clock_ahead_s=ahead_s))
            for number, machine, ahead_s in zip(
                numbers, map(gateway_machines, numbers), (-options.skew, 0, options.skew), strict=True
            )
        ]
        try:
            for gateway in gateways:
                gateway.start()
            history = History(gateways, options.seed, has_lasting_faults=options.lasting)
            asyncio.run(_live(history, nodes, options.minutes * 60))
        finally:
            for gateway in gateways:
                gateway.kill()
            nodes.close()
    print(history.told())
    for gateway in gateways:
        print("\n".join(gateway.late) or f"port {gateway.port}: every call was answered in time")
    broken = history.broken()
    print("\n".join(broken) or "every rule holds")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
