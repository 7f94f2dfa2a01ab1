"""Running a server as a process: its event loop, its signals, what it says at the start.

Rules:
- the first SIGTERM or SIGINT lets requests in flight finish, the second one does not;
- what is wrong with what a server was given is one line on standard error, and exit code 1.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from headwater import __version__
from headwater.app.server import START_ERRORS, Server
from headwater.config import Config, ConfigError
from headwater.server.allocator import keep_freed_memory

if TYPE_CHECKING:
    from headwater.app.pid_file import PidFile

uvloop: ModuleType | None
try:
    import uvloop
except ImportError:  # not made for this platform: asyncio's own loop serves
    uvloop = None

GC_THRESHOLD = 20_000
"""What requests leave behind has no cycles: looking for some after every 700 objects is for nothing."""
REST_DELAY_S = 0.5
"""What can wait takes some milliseconds, and the first client need not wait for it."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(config: Config, on_rest: Callable[[], None] = lambda: None) -> int:
    """Run a server from a command line; returns the exit code.

    `on_rest` is called when it has started and when it ends.
    """
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve(config, on_rest))
    except (*START_ERRORS, ConfigError) as error:
        sys.stderr.write(f"headwater: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest loop that this platform has."""
    return uvloop.new_event_loop() if uvloop else asyncio.new_event_loop()


async def serve(config: Config, on_rest: Callable[[], None]) -> None:
    """Run a server until a signal stops it."""
    if config.pid_file is not None:
        from headwater.app.pid_file import PidFile  # noqa: PLC0415 - few servers have one

        with closing(PidFile(config.pid_file)) as file:
            await _serve(config, file, on_rest)
    else:
        await _serve(config, None, on_rest)


async def _serve(config: Config, pid_file: PidFile | None, on_rest: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    server = Server(config)
    told_to_stop = asyncio.Event()

    def on_signal() -> None:
        if told_to_stop.is_set():
            server.abort()
        told_to_stop.set()

    loop.set_exception_handler(server.on_loop_fault)
    await server.start()
    try:
        for number in STOP_SIGNALS:
            with suppress(NotImplementedError):  # Windows: Ctrl-C cancels this coroutine instead
                loop.add_signal_handler(number, on_signal)
        if pid_file is not None:
            pid_file.write(_told(config, server.endpoints))
        announce(config, server.endpoints, server.ca)
        # What lives until the end need not be looked at by every collection. What is garbage of it is
        # too little to be worth the time of the first requests, which a collection would take.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        gc.enable()
        for called in (keep_freed_memory, on_rest):
            loop.call_later(REST_DELAY_S, called)
        await told_to_stop.wait()
    finally:
        await server.stop(config.shutdown_grace_s)
    on_rest()


def announce(config: Config, endpoints: tuple[str, ...], ca: Path | None) -> None:
    """Say on standard output that the server is ready, and how to point a client at it."""
    console = f"  console: {endpoints[0]}/_headwater/console/\n" if config.has_console else ""
    data = config.store or config.data_dir or "a temporary folder, gone at exit"
    with suppress(OSError):  # nobody reads it: that is no reason not to serve
        sys.stdout.write(
            f"Headwater {__version__} is ready at {' and '.join(endpoints)} (data in {data})\n"
            f"  export AWS_ENDPOINT_URL_KINESIS={endpoints[0]}\n"
            + console
            + (f"  export AWS_CA_BUNDLE={_quoted(ca)}\n" if ca else "")
        )
        sys.stdout.flush()


def _told(config: Config, endpoints: tuple[str, ...]) -> dict[str, Any]:
    """What a server says of itself to who looks after it."""
    data = None if config.data_dir is None else str(config.data_dir.absolute())
    return {"version": __version__, "endpoints": endpoints, "data": config.store or data}


def _quoted(path: Path) -> str:
    from shlex import quote  # noqa: PLC0415 - for a server with an authority of its own

    return quote(str(path))
