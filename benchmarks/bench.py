"""What every measurement needs: the servers that take part, and the folder to work in."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.installing import NotInstalled
from benchmarks.server_process import ServerProcess, free_port, started
from benchmarks.servers import Server

HERE = Path(__file__).resolve().parent
BEGIN_S = time.monotonic()


@dataclass
class Bench:
    """One run of the bench."""

    scratch: Path
    headwater: str
    """The command under test."""
    rounds: int
    seconds: int
    """How long wrk drives a server, each time."""
    records_held: int
    """By a stream that counts as full."""
    servers: list[Server] = field(default_factory=list)

    def install(self, servers: list[Server]) -> tuple[dict[str, str], dict[str, str]]:
        """The versions of those that take part from now on, and why the others do not."""
        versions, left_out = {}, {}
        for server in servers:
            say(f"installing {server.name}" if server.package else f"looking for {server.name}")
            try:
                versions[server.name] = server.install(self._places(server))
            except NotInstalled as error:
                left_out[server.name] = str(error)
                say(f"{server.name} is left out: {error}")
            else:
                self.servers.append(server)
        return versions, left_out

    def prepare(self, server: Server) -> None:
        """Install a server that a measurement starts itself. Raises NotInstalled."""
        server.install(self._places(server))

    def in_turn(self, turn: int) -> list[Server]:
        """The servers, each round beginning with another: none is always the first after a pause."""
        start = turn % len(self.servers)
        return self.servers[start:] + self.servers[:start]

    @contextmanager
    def start(
        self,
        server: Server,
        data: Path | None = None,
        answer: Path | None = None,
        beside: bool = False,
        options: tuple[str, ...] = (),
        on_one_core: bool = False,
    ) -> Iterator[ServerProcess]:
        """Run a server until the end of the block.

        It keeps its records in the folder `data`, if that is given. `answer` is for nginx.
        `beside`: another server goes on running meanwhile. `options` are added to its command.
        `on_one_core`: it has the first core only.
        """
        port = free_port()
        places = self._places(server) | {"port": str(port), "data": str(data), "answer": str(answer)}
        command = [*server.fill_in(places, on_disk=data is not None), *options]
        if on_one_core:
            command = ["taskset", "--cpu-list", "0", *command]
        folder = self.scratch / ("run-beside" if beside else "run")
        with started(command, port, folder, server.ask) as process:
            yield process

    def folder(self, name: str) -> Path:
        """A folder below the scratch folder."""
        folder = self.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _places(self, server: Server) -> dict[str, str]:
        return {
            "headwater": self.headwater,
            "here": str(HERE),
            "installed": str(self.scratch / "installed" / server.name),
            "python": sys.executable,
        }


def say(text: str) -> None:
    """Tell who waits what goes on, and since when."""
    print(f"{time.monotonic() - BEGIN_S:5.0f} s  {text}", file=sys.stderr, flush=True)
