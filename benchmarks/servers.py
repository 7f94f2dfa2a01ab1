"""The servers under test: a row for each.

- A server listens on loopback only, at the port that it is given.
- It is started as its users start it, with its log and its defaults. What a row sets besides is how
  long a stream is CREATING, and switches off parts that are not Kinesis and would listen elsewhere.
- Peers are installed into the scratch folder, in their newest version, unless they are there.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from benchmarks.installing import install, output_of, version_in
from benchmarks.kinesis import list_streams
from benchmarks.sqs import Sqs


class Role(Enum):
    """What a server is in the comparison."""

    OURS = "ours"
    EARLIER = "earlier"
    """Headwater as it was at a commit."""
    PEER = "peer"
    LIMIT = "limit"
    """Does nothing but answer: what the machine, the network and wrk leave to any server."""


def _list_queues(port: int) -> object:
    return Sqs(port).call("ListQueues")


@dataclass(frozen=True)
class Server:
    """One row.

    The commands are filled in with `headwater` (the command under test), `here` (this folder),
    `installed` (the peer's folder), `python`, `port`, `answer` (a file) and `storage`: that is
    empty, or `on_disk` filled in with `data` (a folder).
    """

    name: str
    role: Role
    command: str
    on_disk: str = ""
    """Empty: cannot keep its records on disk, or only when it ends."""
    package_manager: str = ""
    package: str = ""
    version_command: str = ""
    is_slow: bool = False
    """Takes so long that only a run of everything asks it."""
    ask: Callable[[int], object] = list_streams
    """A call to its port. Raises one of CALL_ERRORS until the server is ready."""

    def label(self, *, on_disk: bool) -> str:
        """Its name in the results."""
        return f"{self.name} on disk" if on_disk and self.on_disk else self.name

    def fill_in(self, places: Mapping[str, str], *, on_disk: bool = False) -> list[str]:
        """The command that starts it."""
        quoted = {name: shlex.quote(value) for name, value in places.items()}
        quoted["headwater"] = places["headwater"]  # several words
        storage = self.on_disk.format(**quoted) if on_disk else ""
        return shlex.split(self.command.format(storage=storage, **quoted))

    def install(self, places: Mapping[str, str]) -> str:
        """The version that is installed. Raises NotInstalled."""
        if self.package_manager:
            return install(self.package_manager, Path(places["installed"]), self.package)
        return version_in(output_of(shlex.split(self.version_command.format(**places))))


HEADWATER = Server(
    name="headwater",
    role=Role.OURS,
    command="{headwater} start --port {port} {storage}",
    on_disk="--data-dir {data}",
    version_command="{headwater} --version",
)

FERROKINESIS = Server(
    name="ferrokinesis",
    role=Role.PEER,
    command="{installed}/bin/ferrokinesis --port {port} --create-stream-ms 50 {storage}",
    on_disk="--state-dir {data}",
    package_manager="cargo",
    package="ferrokinesis",
)
"""It has no option for the address: it listens on every one of the machine's."""

KINESALITE = Server(
    name="kinesalite",
    role=Role.PEER,
    command="node --require {here}/loopback.cjs {installed}/node_modules/.bin/kinesalite"
    " --port {port} --createStreamMs 50 {storage}",
    on_disk="--path {data}",
    package_manager="npm",
    package="kinesalite",
    is_slow=True,
)

KINESIS_LOCAL = Server(
    name="kinesis-local",
    role=Role.PEER,
    command="env KINESIS_MOCK_PLAIN_PORT={port} KINESIS_MOCK_TLS_PORT=0"
    " KINESIS_MOCK_CERT_PATH={installed}/node_modules/kinesis-local/server.json"
    " CREATE_STREAM_DURATION=50ms {storage}"
    " node --require {here}/loopback.cjs {installed}/node_modules/.bin/kinesis-local",
    on_disk="SHOULD_PERSIST_DATA=true PERSIST_PATH={data}",
    package_manager="npm",
    package="kinesis-local",
    is_slow=True,
)

MINISTACK = Server(
    name="ministack",
    role=Role.PEER,
    command="env GATEWAY_PORT={port} BIND_HOST=127.0.0.1 IOT_MTLS_ENABLED=0 SFTP_ENABLED=0"
    " {installed}/bin/ministack",
    package_manager="pip",
    package="ministack",
    is_slow=True,
)

MOTO = Server(
    name="moto",
    role=Role.PEER,
    command="{installed}/bin/moto_server -H 127.0.0.1 -p {port}",
    package_manager="pip",
    package="moto[server]",
    is_slow=True,
)

ELASTICMQ = Server(
    name="elasticmq",
    role=Role.PEER,
    command="java @{installed}/arguments headwater.ElasticMq {port}",
    package_manager="maven",
    package="elasticmq",
    ask=_list_queues,
)
"""Has queues alone, of SQS: `queues.py` compares it."""

NGINX = Server(
    name="nginx",
    role=Role.LIMIT,
    command="{python} {here}/constant_answer.py {port} {answer}",
    version_command="nginx -v",
)

SERVERS = (HEADWATER, FERROKINESIS, KINESALITE, KINESIS_LOCAL, MINISTACK, MOTO, NGINX)
EARLIER_PREFIX = "headwater@"


def earlier(commit: str) -> Server:
    """Headwater as it was at a commit."""
    return Server(
        name=EARLIER_PREFIX + commit,
        role=Role.EARLIER,
        command="{installed}/environment/bin/headwater start --port {port} {storage}",
        on_disk="--data-dir {data}",
        package_manager="commit",
        package=commit,
    )
