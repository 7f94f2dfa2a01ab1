"""Runs histories by hand: `python -m tests.simulation --histories 100000 --seed 7`.

The seeds are counted up from `--seed`. The first history that fails ends the run: its last
steps are printed, and the command that runs it again.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser

from tests.simulation.history import History, HistoryFailed

HISTORIES_PER_REPORT = 1_000


def main(arguments: list[str] | None = None) -> int:
    """Run the histories that the command line asks for."""
    parser = ArgumentParser(prog="python -m tests.simulation", description="Run simulated histories.")
    parser.add_argument("--seed", type=int, default=0, help="the first history's seed (default: 0)")
    parser.add_argument("--histories", type=int, default=1_000, help="how many (default: 1,000)")
    chosen = parser.parse_args(arguments)
    for count in range(chosen.histories):
        seed = chosen.seed + count
        try:
            trace = History(seed).run()
        except HistoryFailed as failure:
            print(f"History {seed} fails: {failure}")
            return 1
        if (count + 1) % HISTORIES_PER_REPORT == 0 or count + 1 == chosen.histories:
            print(f"{count + 1} histories hold; the trace of the last one, {seed}, is {trace}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
