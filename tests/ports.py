"""Ports for what is told where to listen before it does, and listens there again after it was killed.

The kernel gives the ports from 32,768 on (Linux; from 49,152 on elsewhere) to whoever connects or asks for
any. A port from there that is free now may be another program's in the next moment: these are below.
"""

from __future__ import annotations

import socket
from random import SystemRandom

FIRST, LAST = 12_000, 32_000
TRIES = 1_000


def free_port() -> int:
    """A port that nobody listens on now, and that nobody is given by chance."""
    chance = SystemRandom()  # each worker of pytest has a seed that others may have, too
    for _ in range(TRIES):
        port = chance.randrange(FIRST, LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no port is free")
