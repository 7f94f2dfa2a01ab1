"""Another process that has the write lock of a file of SQLite, again and again, for longer than a moment.

Arguments: the file, and a seed. Ends with its standard input.
"""

from __future__ import annotations

import random
import select
import sqlite3
import sys

from tests.waiting import RETRY_FOR_S

HELD_S = (0.1, 1.0)
HELD_LONG_S = 6.0
LONG_CHANCE = 0.1
"""Of being held for longer than a lease lasts, and than a worker waits for it."""
PAUSE_S = (0.5, 2.0)


def is_over_within(delay_s: float) -> bool:
    """Wait, unless the input ends meanwhile."""
    readable, _, _ = select.select([sys.stdin], [], [], delay_s)
    return bool(readable)


def main() -> None:
    path, seed = sys.argv[1:]
    chance = random.Random(int(seed))
    connection = sqlite3.connect(path, timeout=RETRY_FOR_S, isolation_level=None)
    while not is_over_within(chance.uniform(*PAUSE_S)):
        connection.execute("BEGIN IMMEDIATE")
        held_s = HELD_LONG_S if chance.random() < LONG_CHANCE else chance.uniform(*HELD_S)
        is_over = is_over_within(held_s)
        connection.execute("ROLLBACK")
        print(f"held {held_s}", flush=True)
        if is_over:
            break
    connection.close()


if __name__ == "__main__":
    main()
