"""How a Java client runs: Maven builds its project once, then `java` runs its programs.

Each process of Java is kept small: several of them share a machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.clients.client_process import INSTALL_TIMEOUT_S, Endpoint, alone, run, tool

LEAN = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
STOP_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class JavaProject:
    """A Maven project that has been built."""

    folder: Path
    target: Path

    def command(self, main_class: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """The command that runs one of its programs."""
        class_path = os.pathsep.join([str(self.target / "classes"), *self._libraries()])
        java = tool("java", "a Java client")
        return [java, *LEAN, *options, "-cp", class_path, main_class, *arguments]

    def is_whole(self) -> bool:
        """Whether all that it needs is where Maven has put it."""
        return (self.target / "classpath").exists() and all(map(os.path.exists, self._libraries()))

    def _libraries(self) -> list[str]:
        return (self.target / "classpath").read_text().strip().split(os.pathsep)


@cache
def build(folder: Path, target: Path | None = None) -> JavaProject:
    """Compile a project, after its pinned dependencies have come, unless it is as its sources are now.

    Maven writes anew what the programs of another worker may be reading.
    """
    project = JavaProject(folder, target or folder / "target")
    built = project.target / ".built"
    with maven_alone():
        if not (built.exists() and built.stat().st_mtime > _changed_s(folder) and project.is_whole()):
            run([*maven(), "package"], folder, maven_variables(os.environ), INSTALL_TIMEOUT_S)
            built.touch()
    return project


def _changed_s(folder: Path) -> float:
    """When a source was changed last, as its file says."""
    files = (path for path in folder.rglob("*") if "target" not in path.relative_to(folder).parts)
    return max(path.stat().st_mtime for path in files)


def maven_alone() -> AbstractContextManager[None]:
    """One Maven at a time: all of them put what they download into one folder, and none locks it."""
    return alone(Path(__file__))


def maven() -> list[str]:
    """The command that runs Maven, saying only what goes wrong."""
    tool("java", "a Java client")
    return [tool("mvn", "a Java client"), "--quiet", "--batch-mode"]


def maven_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """An environment in which Maven is as small as the programs, and asks again when a download fails."""
    options = "-Xmx256m -XX:+UseSerialGC -Dmaven.wagon.http.retryHandler.count=3"
    return {**variables, "MAVEN_OPTS": options}


def java_variables(endpoint: Endpoint) -> dict[str, str]:
    """The environment of a Java client. No variable tells Java whom to trust: `trusting` does."""
    return endpoint.variables(ca_variable="SSL_CERT_FILE")


def trusting(endpoint: Endpoint, folder: Path) -> list[str]:
    """The options of a Java that trusts the server's certificate authority, and no other."""
    if endpoint.ca_path is None:
        return []
    store = folder / "authorities"
    if not store.exists():
        keytool = tool("keytool", "a Java client with TLS")
        given = ["-alias", "headwater", "-file", str(endpoint.ca_path)]
        kept = ["-keystore", str(store), "-storepass", "changeit"]
        run([keytool, "-importcert", "-noprompt", *given, *kept], folder, os.environ)
    return [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]


@contextmanager
def running(
    command: Sequence[str], variables: Mapping[str, str], output: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process until the block is left; what it prints goes to a file, its log to `<file>.log`.

    Its input ends when the test closes it.
    """
    with (
        output.open("wb") as printed,
        output.with_suffix(".log").open("wb") as logged,
        subprocess.Popen(
            list(command), env=dict(variables), stdin=subprocess.PIPE, stdout=printed, stderr=logged
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
