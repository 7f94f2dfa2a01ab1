"""When a snapshot is written: some seconds after a change, when the log of writes is long, and at the end.

Rules:
- while a snapshot is taken no service works, but for the long polls of SQS; it is written after that;
- a large state is written less often: taking it never fills more than a part of the time;
- a snapshot that cannot be written is said, and tried again; the one before and the logs since still count.

Refuses to know what is in a snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext, suppress
from time import monotonic
from typing import Any

from headwater.neighbours.keeping.bodies import Bodies
from headwater.neighbours.keeping.kept_state import KeptState, Warn
from headwater.neighbours.keeping.snapshot_file import StateRefused
from headwater.neighbours.keeping.turns import Turns, TurnsBusy
from headwater.neighbours.keeping.write_log import WriteCall

DELAY_S = 10.0
"""From a change to the snapshot that has it: what a sudden end may cost."""
DURATIONS_BETWEEN = 20
"""For how many times as long as the last snapshot took there is none."""
LOG_BYTES_MAX = 64 * 1024 * 1024
ATTEMPTS = 20
"""A service that is polled changes while it is looked at; then it is looked at again."""
NEVER_AT_REST = "the neighbours were never at rest"

Dump = Callable[[Bodies, Warn], bytes]


def restore(kept: KeptState, loaded: Any, make_again: Callable[[WriteCall], None]) -> None:
    """Let moto have what is kept, with the writes since. What does not fit is put aside. Raises OSError."""
    try:
        state = kept.state()
        if state is not None:
            loaded.restore(state, kept.bodies)
    except StateRefused as error:
        loaded.reset()
        kept.put_aside(str(error))
    for call in kept.calls():
        make_again(call)
    kept.begin()


class Snapshots:
    """Those of one server. Use it in the running loop."""

    def __init__(self, kept: KeptState, dump: Dump, turns: Turns, warn: Warn) -> None:
        self._kept = kept
        self._dump = dump
        self._turns = turns
        self._warn = warn
        self._changes = 0
        self._saved = 0
        """How many changes there were when the last snapshot was taken."""
        self._writing = asyncio.Lock()
        self._not_before_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def note_change(self) -> None:
        """Something has changed; a snapshot follows."""
        self._changes += 1
        if self._kept.log_bytes > LOG_BYTES_MAX:
            self.hasten()
        elif self._timer is None:
            self._schedule(max(DELAY_S, self._not_before_s - monotonic()))

    def hasten(self) -> None:
        """Take one now."""
        if self._task is None or self._task.done():
            self._begin()

    async def save(self) -> None:
        """Return once a snapshot is written that has every change so far. Raises OSError."""
        wanted = self._changes
        async with self._writing:
            if self._saved >= wanted and self._saved and not self._kept.is_broken:
                return
            for _ in range(ATTEMPTS):
                with suppress(TurnsBusy):
                    await self._write(is_last=False)
                if self._saved >= wanted:
                    return
            raise OSError(NEVER_AT_REST)

    async def close(self) -> None:
        """Write a last one, if something has changed."""
        if self._timer is not None:
            self._timer.cancel()
        async with self._writing:
            if self._changes > self._saved or self._kept.is_broken:
                try:
                    await self._write(is_last=True)
                except OSError as error:
                    self._warn(f"The last changes of the neighbours could not be kept: {error}")
        self._kept.close()

    def _schedule(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._begin)

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._task = asyncio.create_task(self._save_or_retry())

    async def _save_or_retry(self) -> None:
        try:
            await self.save()
        except OSError as error:
            self._warn(f"The neighbours could not be kept, which is tried again: {error}")
        if self._changes > self._saved and self._timer is None:
            self._schedule(DELAY_S)

    async def _write(self, *, is_last: bool) -> None:
        """At the end nothing is under way any more, and what still has a turn will not give it back."""
        began_s = monotonic()
        in_thread = asyncio.to_thread
        async with nullcontext() if is_last else self._turns.of_all():
            changes = self._changes
            await in_thread(self._kept.begin)
            state = await in_thread(self._dumped)
        await in_thread(self._kept.save, state)
        self._saved = changes
        self._not_before_s = monotonic() + DURATIONS_BETWEEN * (monotonic() - began_s)

    def _dumped(self) -> bytes:
        for _ in range(ATTEMPTS):
            self._kept.bodies.begin()
            try:
                return self._dump(self._kept.bodies, self._warn)
            except RuntimeError:  # a table has changed its size
                continue
        raise OSError(NEVER_AT_REST)
