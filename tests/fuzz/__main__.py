"""Tries operations by hand: `python -m tests.fuzz --examples 10000 --seed 7`, and `--operation` for one.

The first request that breaks a rule ends the run, and is shown as small as it can be made.
"""

from argparse import ArgumentParser

from tests.fuzz.operation_fuzz import OFFERED, fuzz


def main(arguments: list[str] | None = None) -> None:
    """Try the operations that the command line asks for."""
    parser = ArgumentParser(
        prog="python -m tests.fuzz", description="Try operations with generated requests."
    )
    parser.add_argument("--examples", type=int, default=1_000, help="of each kind (default: 1,000)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other requests (default: 0)")
    parser.add_argument("--operation", choices=OFFERED, help="only this one")
    chosen = parser.parse_args(arguments)
    for operation in [chosen.operation] if chosen.operation else OFFERED:
        fuzz(operation, chosen.examples, chosen.seed)
        print(f"{operation} holds", flush=True)


if __name__ == "__main__":
    main()
