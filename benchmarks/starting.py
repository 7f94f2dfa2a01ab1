"""How long a server takes to start, and what it holds when it has nothing to do."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.results import Figure
from benchmarks.server_process import Memory
from benchmarks.servers import Server

STARTS_A_ROUND = 5
SETTLE_S = 1.0


def start_and_idle(bench: Bench, server: Server) -> Iterator[Figure]:
    """The time and the idle memory of one start."""
    with bench.start(server) as process:
        yield Figure("start_ms", server.name, process.started_ms)
        time.sleep(SETTLE_S)
        yield from memory_figures("idle", server.name, process.memory())


def memory_figures(when: str, label: str, memory: Memory, held: int = 0) -> Iterator[Figure]:
    """The same memory, counted in three ways."""
    yield Figure(f"{when}_rss_mib", label, memory.rss_mib, held)
    yield Figure(f"{when}_pss_mib", label, memory.pss_mib, held)
    yield Figure(f"{when}_anonymous_mib", label, memory.anonymous_mib, held)
