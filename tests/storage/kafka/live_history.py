"""A history as long as one likes, by hand: python -m tests.storage.kafka.live_history --minutes 30 --seed 1

Starts three nodes and three gateways, prints what has happened every minute, and at the end what is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.storage.kafka.gateways import Gateway
from tests.storage.kafka.history import History
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        nodes = KafkaNodes(Path(folder) / "nodes", 3)
        url = nodes.url("history")
        gateways = [Gateway(url, Path(folder) / f"gateway-{at}.log") for at in range(3)]
        try:
            for gateway in gateways:
                gateway.start()
            history = History(gateways, options.seed)
            asyncio.run(_live(history, nodes, options.minutes * 60))
        finally:
            for gateway in gateways:
                gateway.kill()
            nodes.close()
    print(history.told())
    broken = history.broken()
    print("\n".join(broken) or "every rule holds")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
