"""A server under test as a process: started, found ready, measured, stopped.

A server is started in a session of its own, and is all the processes of that session: what it takes
of CPU and memory is theirs together, and stopping it ends them and no others. It has a folder for
its temporary files and its log, made anew for each start. Ready is: it answers a call.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.kinesis import CALL_ERRORS, Kinesis, list_streams

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.001
TEMPORARY = "tmp"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class ServerFailed(Exception):
    """The server did not start, or has ended."""


@dataclass(frozen=True)
class Memory:
    """What a server's processes hold, in MiB. Pages of mapped files are in the first two."""

    rss_mib: float
    pss_mib: float
    anonymous_mib: float


@dataclass(frozen=True)
class ServerProcess:
    """A server that is running."""

    port: int
    session: int
    folder: Path
    started_ms: float
    """From its start until it first answered."""

    @property
    def kinesis(self) -> Kinesis:
        """A caller of this server."""
        return Kinesis(self.port)

    def cpu_s(self) -> float:
        """User and system time of all its processes so far, those that have ended included."""
        return sum(sum(map(int, _stat(pid)[11:15])) for pid in self._pids()) / TICKS_PER_S

    def scheduled_s(self) -> float:
        """What all its threads have run so far, exactly; those that have ended are not counted."""
        threads = [thread for pid in self._pids() for thread in Path(f"/proc/{pid}/task").iterdir()]
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def loop_s(self) -> float:
        """What the first thread of its first process, with the event loop, has run so far."""
        return int(Path(f"/proc/{self.session}/schedstat").read_text().split()[0]) / 1e9

    def memory(self) -> Memory:
        """What its processes hold now."""
        rolled_up = [_rolled_up_kib(pid) for pid in self._pids()]
        rss, pss, anonymous = (sum(kib[name] for kib in rolled_up) for name in ("Rss", "Pss", "Anonymous"))
        return Memory(rss / 1024, pss / 1024, anonymous / 1024)

    def _pids(self) -> list[int]:
        found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        pids = [pid for pid in found if self._is_ours(pid)]
        if not pids:
            raise ServerFailed(f"ended: {_tail(self.folder)}")
        return pids

    def _is_ours(self, pid: int) -> bool:
        try:
            stat = _stat(pid)
        except (FileNotFoundError, ProcessLookupError):
            return False  # it has just ended
        return stat[0] != "Z" and int(stat[3]) == self.session


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(
    command: Sequence[str], port: int, folder: Path, ask: Callable[[int], object] = list_streams
) -> Iterator[ServerProcess]:
    """Run `command`, which listens on `port`, until the end of the block. `ask` fails until it is ready."""
    shutil.rmtree(folder, ignore_errors=True)
    temporary = folder / TEMPORARY
    temporary.mkdir(parents=True)
    begin = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"TMPDIR": str(temporary)},
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, partial(ask, port), folder)
        yield ServerProcess(port, process.pid, folder, (time.perf_counter() - begin) * 1000)
    finally:
        _stop(process)


def disk_mib(folder: Path) -> float:
    """What the files below a folder take on disk."""
    return sum(path.stat().st_blocks for path in folder.rglob("*") if path.is_file()) * 512 / 2**20


def _wait_until_ready(process: subprocess.Popen[bytes], ask: Callable[[], object], folder: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            ask()
        except CALL_ERRORS as error:
            if process.poll() is not None:
                raise ServerFailed(f"did not start: {_tail(folder)}") from error
            if time.monotonic() > deadline:
                raise ServerFailed(f"did not answer: {error}; {_tail(folder)}") from error
            time.sleep(POLL_S)
        else:
            return


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End every process of the server's session, which is also its process group."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            break
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third, the state, on: a name may contain anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _rolled_up_kib(pid: int) -> dict[str, int]:
    """The sums over a process's mappings, by their names."""
    _, *lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}


def _tail(folder: Path) -> str:
    lines = (folder / "log").read_text(errors="replace").split("\n")
    return " / ".join(line.strip() for line in lines[-6:] if line.strip())
