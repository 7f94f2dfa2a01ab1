"""What was written for a reader, kept for the next ones: several applications read the same records.

Rules:
- a key names a run's log, its first record, how many there are, and the format; records never change, so
  what is kept is right for as long as it is kept;
- who reads a log alone has nothing kept, as that would take a tenth more: a run is noted, and from the
  first one on that is asked for again its log's runs are kept;
- the run itself is kept, too: a store gives what somebody still has, and does not read it again;
- what is noted and kept would be `KEPT_BYTES` in all; beyond, what was used least recently goes;
- when nobody has asked for a while nothing is kept.

Refuses to know what was written, and how.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from headwater.model.cut_payloads import CutPayloads

KEPT_BYTES = 48 * 1024 * 1024
"""Two pages of the largest size: 10 MiB of data each, and that in base64."""
IDLE_MS = 5_000

RunKey: TypeAlias = tuple[str, int, int, int]
"""A format, a log, the number of the first record, and how many there are."""


class _WrittenRun(msgspec.Struct, frozen=True):
    """What was written of a run, and what of."""

    text: bytes
    payloads: CutPayloads | None
    """As a store has read them."""

    @property
    def size(self) -> int:
        return len(self.text) + (0 if self.payloads is None else self.payloads.size)


class WrittenRuns:
    """Those of one engine."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._runs: dict[RunKey, _WrittenRun | int] = {}
        """What was written, or only how large it is; in the order of their last use."""
        self._bytes = 0
        self._shared_logs: set[int] = set()
        """Those in which a run was asked for twice."""
        self._was_used = False
        self._idle_from_ms = 0

    def text(self, key: RunKey, write: Callable[[], bytes], payloads: object = None) -> bytes:
        """What `write` gives, now or for an earlier reader; it writes these payloads."""
        self._was_used = True
        known = self._runs.pop(key, None)
        if isinstance(known, _WrittenRun):
            self._runs[key] = known
            return known.text
        kept = _WrittenRun(write(), payloads if isinstance(payloads, CutPayloads) else None)
        if known is None:
            self._bytes += kept.size
        else:
            self._bytes += kept.size - known
            self._shared_logs.add(key[1])
        self._runs[key] = kept if key[1] in self._shared_logs else kept.size
        while self._bytes > self._kept_bytes:
            oldest = self._runs.pop(next(iter(self._runs)))
            self._bytes -= _size_of(oldest)
        return kept.text

    def kept(self, key: RunKey) -> bytes | None:
        """What was written for an earlier reader, if it is kept."""
        known = self._runs.get(key)
        if not isinstance(known, _WrittenRun):
            return None
        self._was_used = True
        self._runs[key] = self._runs.pop(key)
        return known.text

    def held_bytes(self) -> int:
        """Of all that is kept."""
        return sum(run.size for run in self._runs.values() if isinstance(run, _WrittenRun))

    def tick(self, now_ms: int) -> None:
        """Forget all if none was used for `IDLE_MS`. Called often."""
        if self._was_used:
            self._was_used = False
            self._idle_from_ms = now_ms + IDLE_MS
        elif self._runs and now_ms >= self._idle_from_ms:
            self._runs.clear()
            self._shared_logs.clear()
            self._bytes = 0


def _size_of(run: _WrittenRun | int) -> int:
    return run if isinstance(run, int) else run.size
