"""Ends the processes of functions when the server is no more, however it ended.

The keeper is a shell that reads from a pipe which process groups there are. When the server has
gone, even by SIGKILL, the pipe ends, and the keeper kills every group that is left. It is started
with the first function.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import IO

SCRIPT = """
groups=' '
while read -r verb group; do
  case $verb in
    add) groups="$groups$group " ;;
    end) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -KILL -- "-$group" 2>/dev/null; done
"""


class ProcessKeeper:
    """The keeper of one server."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, group: int) -> None:
        """The group must not outlive the server."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 - a script of our own
                ("/bin/sh", "-c", SCRIPT),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._tell(f"add {group}\n")

    def end(self, group: int) -> None:
        """The group is gone; its number may be another's soon."""
        self._tell(f"end {group}\n")

    def close(self) -> None:
        """Kill the groups that are left, and end."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(OSError):
                _input(process).close()
            process.wait()

    def _tell(self, line: str) -> None:
        if self._process is not None:
            with suppress(OSError):  # it was killed; the next group gets a new one
                _input(self._process).write(line.encode())
                _input(self._process).flush()


def _input(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdin is not None, "it is a pipe"
    return process.stdin
