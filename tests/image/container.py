"""A container of the image, as strict as one can be: process ids of its own, files that cannot be written
but for /data, and a user of whom the image knows nothing.

It is made of the kernel's own parts, by util-linux and coreutils; its network is this machine's.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.image.building import Image

ANY_USER = 123456
ROOT_GROUP = 0
"""The group of users that a cluster invents."""
READY = re.compile(r"is ready at (http://[\w.]+:\d+)")
START_TIMEOUT_S = 120.0
TOGETHER = """
set -e
mount --make-rprivate /
mount --bind "$ROOT" "$ROOT"
mount --rbind /dev "$ROOT/dev"
mount -t proc proc "$ROOT/proc"
mount --bind "$DATA" "$ROOT/data"
for folder in $SHARED; do mount --bind "$folder" "$ROOT$folder"; done
mount -o remount,bind,ro "$ROOT"
exec "$@"
"""
"""What a runtime does before it starts a container."""


@dataclass(frozen=True)
class Container:
    """A running container."""

    endpoint_url: str
    process: subprocess.Popen[bytes]
    root: Path
    variables: dict[str, str]
    user: int
    log: Path

    @property
    def first(self) -> int:
        """The process id, out here, of its first process."""
        return children(self.process.pid)[0]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as `docker exec` does."""
        inside = ["nsenter", f"--target={self.first}", "--pid", "--mount"]
        return subprocess.run(
            [*inside, *_as_user(self.root, self.user), *_environment(self.variables), *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=START_TIMEOUT_S,
        )

    def stop(self) -> int:
        """End it as `docker stop` does; its exit code."""
        os.kill(self.first, signal.SIGTERM)
        return self.process.wait(START_TIMEOUT_S)


@contextmanager
def started(
    image: Image,
    folder: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    user: int = ANY_USER,
    shared: tuple[Path, ...] = (),
) -> Iterator[Container]:
    """A container with /data in a folder, until the block is left.

    Folders that are `shared` are in it where they are here.
    """
    config = image.described()["Docker"]["config"]
    given = dict(pair.split("=", 1) for pair in config["Env"]) | dict(variables or {})
    data, log = folder / "data", folder / "log"
    if not data.exists():
        data.mkdir()
        os.chown(data, user, ROOT_GROUP)
    with image.mounted() as root, log.open("wb") as output:
        for place in shared:
            (root / place.relative_to("/")).mkdir(parents=True, exist_ok=True)
        command = [*config["Entrypoint"], "--port", "0", *arguments]
        together = {"ROOT": str(root), "DATA": str(data), "SHARED": " ".join(map(str, shared))}
        inside = [*_as_user(root, user), *_environment(given), *command]
        process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--mount", "sh", "-c", TOGETHER, "sh", *inside],
            env={**os.environ, **together},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Container(_endpoint_url(process, log), process, root, given, user, log)
        finally:
            # With its first process all of it ends. A child that has changed its user outlives its parent.
            for first in (children(process.pid) or [process.pid]) if process.poll() is None else ():
                os.kill(first, signal.SIGKILL)
            process.wait()


def children(pid: int) -> list[int]:
    """The processes that a process has started, and those that it was given."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _as_user(root: Path, user: int) -> list[str]:
    return ["chroot", f"--userspec={user}:{ROOT_GROUP}", "--groups=", str(root)]


def _environment(variables: Mapping[str, str]) -> list[str]:
    return ["/usr/bin/env", "-i", "--chdir=/data", *(f"{name}={value}" for name, value in variables.items())]


def _endpoint_url(process: subprocess.Popen[Any], log: Path) -> str:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        if ready := READY.search(log.read_text()):
            return ready[1]
        time.sleep(0.01)
    raise RuntimeError(f"the container did not start:\n{log.read_text()}")
