"""Ends the processes of functions when the server is no more, however it ended.

The keeper is a shell that reads from a pipe which process groups there are. When the server has
gone, even by SIGKILL, the pipe ends, and the keeper kills every group that is left. It is started
with the first function.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress

SCRIPT = """
groups=' '
while read -r verb group; do
  case $verb in
    add) groups="$groups$group " ;;
    end) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
"""


class ProcessKeeper:
    """The keeper of one server."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()

    def add(self, group: int) -> None:
        """The group must not outlive the server."""
        self._groups.add(group)
        if self._process is None or self._process.poll() is not None:
            self._begin()
        else:
            self._tell(f"add {group}\n")

    def end(self, group: int) -> None:
        """The group is gone; its number may be another's soon."""
        self._groups.discard(group)
        self._tell(f"end {group}\n")

    def close(self) -> None:
        """Kill the groups that are left, and end."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None, "it is a pipe"
            process.stdin.close()
            process.wait()

    def _begin(self) -> None:
        """Start a keeper, the first one or one in the place of one that was killed."""
        if self._process is not None:
            self.close()
        self._process = subprocess.Popen(  # noqa: S603 - a script of our own
            ("/bin/sh", "-c", SCRIPT),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for group in self._groups:
            self._tell(f"add {group}\n")

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):  # it was killed; the next group gets a new one
                self._process.stdin.write(line.encode())
