"""What is measured besides the rates of `scenarios.py`: a row for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks import client_libraries, filling, open_connections, pushing, queues, sdk_clients, starting
from benchmarks.bench import Bench
from benchmarks.results import Figure
from benchmarks.servers import Role, Server


@dataclass(frozen=True)
class Measurement:
    """One row. `run` yields each figure as soon as it is known."""

    name: str
    run: Callable[[Bench, Server], Iterator[Figure]]
    is_for: Callable[[Server], bool]
    in_rounds: bool = False
    """Whether it is measured in each round, with every server in turn, or once."""
    times_a_round: int = 1
    """Each time with every server in turn, too."""
    is_usual: bool = False
    """Part of a usual run; else only of one of everything."""


def _speaks_kinesis(server: Server) -> bool:
    return server.role is not Role.LIMIT


def _keeps_on_disk(server: Server) -> bool:
    return bool(server.on_disk)


def _is_ours(server: Server) -> bool:
    return server.role is Role.OURS


def _is_headwater(server: Server) -> bool:
    return server.role in (Role.OURS, Role.EARLIER)


MEASUREMENTS: tuple[Measurement, ...] = (
    Measurement(
        "start",
        starting.start_and_idle,
        _speaks_kinesis,
        in_rounds=True,
        times_a_round=starting.STARTS_A_ROUND,
        is_usual=True,
    ),
    *(
        Measurement(
            f"sdk_{sdk.name}", partial(sdk_clients.load, sdk), _is_headwater, in_rounds=True, is_usual=True
        )
        for sdk in sdk_clients.SDKS
    ),
    Measurement("fill", filling.in_memory, _speaks_kinesis),
    Measurement("fill_on_disk", filling.on_disk, _keeps_on_disk),
    Measurement("put_to_push", pushing.put_to_push, _is_ours, in_rounds=True),
    Measurement("connections", open_connections.idle_connections, _is_ours),
    *(
        Measurement(
            f"client_{library.name}", partial(client_libraries.compare, library), _is_ours, in_rounds=True
        )
        for library in client_libraries.LIBRARIES
    ),
    Measurement("queues_work", queues.work, _is_ours, in_rounds=True),
    Measurement("queues_latency", queues.latency, _is_ours, in_rounds=True),
    Measurement("queues_waiting", queues.waiting, _is_ours),
    Measurement("queues_idle", queues.idle, _is_ours),
    Measurement("subscriptions", open_connections.subscriptions, _is_ours),
)
