"""A worker as a program: it prints what it is given, then says that it is done.

Arguments: stream, endpoint, state (`sqlite:PATH` or `dynamodb:TABLE:URL`), worker, lease
duration in seconds, how many processes handle, and the name of a registered consumer to
read by, or `-` to poll. A line is: time in ns, shard, key, number. Those of a batch have one
time. When the worker takes a shard, `TAKEN` stands in place of the key.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import time

from headwater.client import Batch, DynamoDBState, KinesisConsumer, SQLiteState
from headwater.client.leases.store import LeaseStore

TAKEN = "taken"


class PrintTakings(logging.Handler):
    """Says which shard is read from its checkpoint from now on."""

    def emit(self, record: logging.LogRecord) -> None:
        if "has taken" in record.msg and isinstance(record.args, tuple):
            os.write(1, f"{time.time_ns()}\t{record.args[1]}\t{TAKEN}\t0\n".encode())


def print_batch(batch: Batch) -> None:
    """Print everything before anything is done: what was printed was handled."""
    if random.random() < 0.02:
        raise RuntimeError("a fault of the handler")
    time_ns = time.time_ns()
    lines = "".join(
        f"{time_ns}\t{batch.shard_id}\t{record.partition_key}\t{record.data.decode()}\n" for record in batch
    )
    os.write(1, lines.encode())


def state_of(named: str) -> LeaseStore:
    kind, _, place = named.partition(":")
    if kind == "sqlite":
        return SQLiteState(place)
    table, _, url = place.partition(":")
    return DynamoDBState(table, endpoint_url=url, region_name="us-east-1")


def main() -> None:
    stream, endpoint_url, state, worker_id, lease_duration_s, processes, fan_out = sys.argv[1:]
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("headwater.client").setLevel(logging.INFO)
    logging.getLogger("headwater.client").addHandler(PrintTakings())
    KinesisConsumer(
        stream,
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        state=state_of(state),
        start="TRIM_HORIZON",
        fan_out=None if fan_out == "-" else fan_out,
        worker_id=worker_id,
        lease_duration_s=float(lease_duration_s),
        hand_over_timeout_s=3 * float(lease_duration_s),
        retries=None,
        processes=int(processes),
    ).run(print_batch)


if __name__ == "__main__":
    main()
