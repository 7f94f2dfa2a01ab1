"""Nodes of Apache Kafka on loopback, from Maven's jars: one for tests of the store, several for histories.

Needs Java 17 or later and Maven; a test without them is skipped, with a word. The jars are fetched
once, to `tests/storage/kafka/target`. Every node is broker and controller. Only processes that were started
here are ended.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import randbytes

import pytest

from headwater.server.http.local_ca import ensure_ca, ensure_server
from tests.ports import free_port
from tests.storage.kafka.machines import Machines, one_machine

HERE = Path(__file__).parent
JARS = HERE / "target" / "jars"
MEBIBYTE = 1024 * 1024
STOP_S = 15.0
SETTINGS = {
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "message.max.bytes": str(11 * MEBIBYTE),
    "replica.fetch.max.bytes": str(11 * MEBIBYTE),
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "replica.lag.time.max.ms": "3000",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
}
"""As docs/scale-out.md advises, where it is not about other uses of the cluster."""


USERNAME, PASSWORD = "headwater", "open sesame"
_MODULES = {
    "PLAIN": f'plain.PlainLoginModule required user_{USERNAME}="{PASSWORD}"',
    "SCRAM-SHA-256": "scram.ScramLoginModule required",
    "SCRAM-SHA-512": "scram.ScramLoginModule required",
}


class SecureListeners:
    """Listeners with TLS, SASL, and both, each with a port of its own; one user may come in."""

    def __init__(self, folder: Path) -> None:
        self.ports = {protocol: free_port() for protocol in ("SSL", "SASL_PLAINTEXT", "SASL_SSL")}
        self.ca = ensure_ca(folder)
        self._keys = ensure_server(folder, ())

    @property
    def listeners(self) -> list[str]:
        """As `listeners` and `advertised.listeners` have them; each is named after its protocol."""
        return [f"{protocol}://127.0.0.1:{port}" for protocol, port in self.ports.items()]

    def settings(self) -> dict[str, str]:
        """What each listener is like."""
        found = {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(self._keys)}
        for protocol in self.ports:
            name = f"listener.name.{protocol.lower()}"
            if protocol.startswith("SASL"):
                found[f"{name}.sasl.enabled.mechanisms"] = ",".join(_MODULES)
                for mechanism, module in _MODULES.items():
                    key = f"{name}.{mechanism.lower()}.sasl.jaas.config"
                    found[key] = f"org.apache.kafka.common.security.{module};"
        return found

    def format_options(self) -> list[str]:
        """What the storage is made with: the user of SCRAM."""
        users = (f"{name}=[name={USERNAME},password={PASSWORD}]" for name in _MODULES if name != "PLAIN")
        return [option for user in users for option in ("--add-scram", user)]


def require_kafka() -> None:
    """Skip the test where no node can be started; fetch the jars otherwise."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool} to start a node of Kafka")
    if not JARS.exists():
        fetched = JARS.with_name(f"jars-{os.getpid()}")
        subprocess.run(
            [
                "mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies",
                "-DincludeScope=runtime", f"-DoutputDirectory={fetched}",
            ],
            check=True,
        )  # fmt: skip
        with suppress(OSError):  # another process was first
            fetched.rename(JARS)


class KafkaNode:
    """One node."""

    def __init__(
        self,
        number: int,
        folder: Path,
        port: int,
        controllers: Sequence[tuple[int, int]],
        secure: SecureListeners | None = None,
        machines: Machines = one_machine,
    ) -> None:
        self.number = number
        self.machine = machines(number)
        self.secure = secure
        self.port = port
        self._folder = folder
        self._settings = folder / "server.properties"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        own = dict(controllers)[number]
        for_clients = [f"CLIENT://{self.machine.host}:{port}", *(secure.listeners if secure else ())]
        protocols = [f"{protocol}:{protocol}" for protocol in (secure.ports if secure else ())]
        settings = {
            **SETTINGS,
            **(secure.settings() if secure else {}),
            "process.roles": "broker,controller",
            "node.id": str(number),
            "controller.quorum.voters": ",".join(f"{n}@{machines(n).host}:{at}" for n, at in controllers),
            "listeners": ",".join([*for_clients, f"CONTROLLER://{self.machine.host}:{own}"]),
            "advertised.listeners": ",".join(for_clients),
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": ",".join(
                ["CLIENT:PLAINTEXT", "CONTROLLER:PLAINTEXT", *protocols]
            ),
            "log.dirs": str(folder / "data"),
        }
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def format(self, cluster_id: str) -> None:
        """Make its storage."""
        options = self.secure.format_options() if self.secure else []
        format_it = ("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._settings))
        assert self._java(*format_it, *options).wait() == 0, self._log.read_text()

    def start(self) -> None:
        """Begin; `wait` waits until it serves."""
        self._log.write_bytes(b"")
        self._process = self._java("kafka.Kafka", str(self._settings))

    def wait(self) -> None:
        """Wait until it serves."""
        while b"Kafka Server started" not in self._log.read_bytes():
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            time.sleep(0.1)

    def signal(self, number: signal.Signals) -> None:
        """Stop it, or let it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """Let it hand over what it leads, and end: at once, if that takes long."""
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _java(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*self.machine.launch, "java", "-Xms64m", "-Xmx320m", "-Xshare:auto",
                 "-Djava.awt.headless=true",
                 f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}", "-cp", f"{JARS}/*", *arguments],
                stdout=log,
                stderr=log,
            )  # fmt: skip


class KafkaNodes:
    """A cluster, started."""

    def __init__(
        self,
        folder: Path,
        count: int,
        secure: SecureListeners | None = None,
        machines: Machines = one_machine,
    ) -> None:
        """`secure` is for a single node: its further listeners."""
        assert secure is None or count == 1
        require_kafka()
        controllers = [(number, free_port()) for number in range(1, count + 1)]
        self.nodes = [
            KafkaNode(number, folder / f"node-{number}", free_port(), controllers, secure, machines)
            for number, _ in controllers
        ]
        cluster_id = urlsafe_b64encode(b"h" + randbytes(15)).decode().rstrip("=")
        for node in self.nodes:
            node.format(cluster_id)
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait()

    def url(self, prefix: str) -> str:
        """What `--store` is given."""
        places = ",".join(f"{node.machine.host}:{node.port}" for node in self.nodes)
        return f"kafka://{places}/{prefix}"

    def close(self) -> None:
        """End all nodes; what they hold is not needed any more."""
        for node in self.nodes:
            node.kill()
