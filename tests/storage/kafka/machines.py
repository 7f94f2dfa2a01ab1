"""Where nodes and gateways run: all on loopback, or each in a network of its own that can be cut.

Networks of their own are namespaces of Linux on a bridge, inside a namespace that has no way out: they need
root, `ip` and `iptables`, and are gone with the process that made them (`in_own_network`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

BRIDGE = "hwbridge"
APART = "HEADWATER_TESTS_APART"


class Machine(NamedTuple):
    """One of them."""

    host: str
    launch: tuple[str, ...] = ()
    """What comes before a command that runs there."""
    clock_ahead_s: int = 0
    """Of this machine's own clock; other than 0 takes libfaketime."""

    @property
    def start(self) -> tuple[str, ...]:
        """What comes before a program that is to see the machine's clock."""
        if self.clock_ahead_s == 0:
            return self.launch
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        clock = (
            f"LD_PRELOAD={library}",
            f"FAKETIME={self.clock_ahead_s:+}s",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        )
        return (*self.launch, "env", *clock)


Machines = Callable[[int], Machine]
"""By the number of a node."""
THIS_MACHINE = Machine("127.0.0.1")


def one_machine(_number: int) -> Machine:
    """This one for all."""
    return THIS_MACHINE


def node_machine(number: int) -> Machine:
    """That of a broker."""
    return Machine(f"10.77.0.{10 + number}", ("ip", "netns", "exec", f"hwnode{number}"))


def gateway_machine(number: int) -> Machine:
    """That of a gateway."""
    return Machine(f"10.77.0.{20 + number}", ("ip", "netns", "exec", f"hwgate{number}"))


def in_own_network() -> None:
    """Go on as the same program in a network without any way out, unless that has been done."""
    if APART not in os.environ:
        os.environ[APART] = "yes"
        command = ("unshare", "--net", sys.executable, *sys.orig_argv[1:])
        os.execvp("unshare", command)


@contextmanager
def separate(machines: Sequence[Machine]) -> Iterator[None]:
    """Make a namespace for each, all on one bridge, until the block is left."""
    run("ip link set lo up")
    run(f"ip link add {BRIDGE} type bridge")
    run(f"ip addr add 10.77.0.1/24 dev {BRIDGE}")
    run(f"ip link set {BRIDGE} up")
    names = [machine.launch[-1] for machine in machines]
    try:
        for machine, name in zip(machines, names, strict=True):
            run(f"ip netns add {name}")
            run(f"ip link add {name} type veth peer name eth0 netns {name}")
            run(f"ip link set {name} master {BRIDGE} up")
            run(f"ip -n {name} addr add {machine.host}/24 dev eth0")
            run(f"ip -n {name} link set eth0 up")
            run(f"ip -n {name} link set lo up")
        yield
    finally:
        for name in names:
            subprocess.run(("ip", "netns", "del", name), check=False)


def run(command: str) -> None:
    """Run it, and insist that it succeeds."""
    subprocess.run(command.split(), check=True)


VERDICTS = {
    "swallow": "-j DROP",
    "lose": "-m statistic --mode random --probability 0.3 -j DROP",
    "reset": "-p tcp -j REJECT --reject-with tcp-reset",
}
"""What becomes of packets, for iptables: all are lost, or a third of them, or connections end at once."""


def cut(machine: Machine, others: Sequence[Machine], chance: Random) -> str:
    """Disturb what goes to some of the others, comes from them, or both; say what."""
    names = [other.host for other in others]
    kind = chance.choice(("all", "in", "out", "one"))
    name_of_verdict = chance.choice(("swallow", "swallow", "lose", "reset"))
    verdict = VERDICTS[name_of_verdict]
    if kind == "one":
        names = [chance.choice(names)]
    for name in names:
        if kind != "out":
            run(f"{' '.join(machine.launch)} iptables -A INPUT -s {name} {verdict}")
        if kind != "in":
            run(f"{' '.join(machine.launch)} iptables -A OUTPUT -d {name} {verdict}")
    return f"{name_of_verdict} {kind}"


def mend(machine: Machine) -> None:
    """Let everything through again."""
    run(f"{' '.join(machine.launch)} iptables -F")
