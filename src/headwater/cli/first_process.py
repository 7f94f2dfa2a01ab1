"""The first process of a container, which every process that loses its parent becomes a child of.

It has the server in a child, passes signals on to it, and waits for whatever else ends, so that
nothing of it stays.

Rules:
- signals are waited for and never handled: none comes between two steps;
- the server has a process group of its own, so that Ctrl-C at a terminal reaches it once;
- it ends as the server ended; what is left then is ended by the kernel, with the container.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

_PASSED_ON = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
PASSED_ON = frozenset(getattr(signal, name) for name in _PASSED_ON if hasattr(signal, name))
"""As far as the platform has them: the module can be imported where no container is."""
KILLED = 128
"""Added to a signal's number for the exit code of what the signal has ended, as shells do."""


def look_after_server() -> None:
    """Return in a new child, where the server is to run; this process exits when that child has ended."""
    awaited = PASSED_ON | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    server = os.fork()
    if server == 0:
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    status = None
    while status is None:
        received = signal.sigwait(awaited)
        if received == signal.SIGCHLD:
            status = _ended().get(server)
        else:
            with suppress(ProcessLookupError):
                os.kill(server, received)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else KILLED - code)


def _ended() -> dict[int, int]:
    """The children that have ended, each with its status; they are waited for."""
    ended: dict[int, int] = {}
    with suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                break
            ended[child] = status
    return ended
