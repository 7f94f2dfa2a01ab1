"""One process of a function, and all that it starts: begun, listened to, and ended together.

Rules:
- the process leads a group of its own; when it ends, or is ended, the whole group is killed, and
  where the system shows it (Linux) whatever else has the process's environment;
- it gets the environment that it is given and nothing of the server's;
- its output is read as it comes, but for pauses, so that it never waits for a reader at work.

Refuses to know what the process is for.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from headwater.lambda_.functions.process_keeper import ProcessKeeper

MARK = "AWS_LAMBDA_RUNTIME_API"
"""The variable that no two processes' families have alike: each has a port of its own."""
READ_BYTES = 64 * 1024
DRAIN_BYTES_MAX = 1024 * 1024
SIGNAL_TEXTS = {
    "SIGABRT": "aborted",
    "SIGALRM": "alarm clock",
    "SIGBUS": "bus error",
    "SIGFPE": "floating point exception",
    "SIGHUP": "hangup",
    "SIGILL": "illegal instruction",
    "SIGINT": "interrupt",
    "SIGKILL": "killed",
    "SIGPIPE": "broken pipe",
    "SIGQUIT": "quit",
    "SIGSEGV": "segmentation fault",
    "SIGTERM": "terminated",
    "SIGTRAP": "trace/breakpoint trap",
}
"""By name: not every platform has each, and on none of those does this run."""


class FunctionProcess:
    """A running process. `on_output` and `on_exit` are called on the loop's thread."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        keeper: ProcessKeeper,
        on_output: Callable[[bytes], None],
        on_exit: Callable[[str], None],
    ) -> None:
        """Start it. `on_exit` gets how it ended, in Lambda's words. Raises OSError."""
        self._loop = asyncio.get_running_loop()
        self._keeper = keeper
        self._on_output = on_output
        self._on_exit = on_exit
        self._exited = asyncio.Event()
        self._mark = f"{MARK}={environment[MARK]}".encode()
        self._reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - running the user's code is what it is for
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        except BaseException:
            os.close(self._reading)
            raise
        finally:
            os.close(writing)
        keeper.add(self._process.pid)
        os.set_blocking(self._reading, False)
        self._is_open = True
        self._loop.add_reader(self._reading, self._read)
        threading.Thread(target=self._wait, name=f"function-{self._process.pid}", daemon=True).start()

    def kill(self) -> None:
        """End the process and its group now; `wait_exited` tells when it is gone."""
        if not self._exited.is_set():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait_exited(self) -> None:
        """Return when the process is no more."""
        await self._exited.wait()

    def drain(self) -> None:
        """Read what the process has written so far."""
        left = DRAIN_BYTES_MAX
        while self._is_open and left > 0:
            count = self._read()
            if count == 0:
                break
            left -= count

    def pause_output(self) -> None:
        """Read nothing for now: one who goes on writing has to wait."""
        if self._is_open:
            self._loop.remove_reader(self._reading)

    def resume_output(self) -> None:
        """Read as it comes again."""
        if self._is_open:
            self._loop.add_reader(self._reading, self._read)

    def peak_memory_mb(self) -> int | None:
        """The most memory that the process had at a time; `None` where the system does not tell."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text("utf-8")
        except OSError:
            return None
        found = re.search(r"VmHWM:\s+([0-9]+) kB", status)
        return None if found is None else -(-int(found[1]) // 1024)

    def _read(self) -> int:
        try:
            data = os.read(self._reading, READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if data:
            self._on_output(data)
        else:
            self._close_output()
        return len(data)

    def _close_output(self) -> None:
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._reading)
            os.close(self._reading)

    def _wait(self) -> None:
        """Runs in a thread of its own, until the process ends."""
        pid = self._process.pid
        if hasattr(os, "waitid"):  # its number stays its own, and its group's, until it is waited for
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        else:  # macOS before Python 3.13: the number is the group's for as long as any of it is left
            self._process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        _kill_strays(self._mark)
        status = self._process.wait()
        with suppress(RuntimeError):  # the loop has closed: nobody is left to be told
            self._loop.call_soon_threadsafe(self._ended, status)

    def _ended(self, status: int) -> None:
        self._keeper.end(self._process.pid)
        self.drain()
        self._close_output()
        self._exited.set()
        self._on_exit(exit_text(status))


def _kill_strays(mark: bytes) -> None:
    """Kill what has left the group: processes whose environment, where it is shown, has the mark."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (place / "environ").read_bytes().split(b"\0"):
                os.kill(int(place.name), signal.SIGKILL)
        except OSError:
            continue  # gone, or another user's


def exit_text(status: int) -> str:
    """How a process ended, in Lambda's words. `status` is as `subprocess` gives it."""
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    try:
        text = SIGNAL_TEXTS.get(signal.Signals(-status).name, f"signal {-status}")
    except ValueError:
        text = f"signal {-status}"
    return f"Runtime exited with error: signal: {text}"
