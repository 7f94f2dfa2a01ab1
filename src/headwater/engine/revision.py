"""A change of one stream: its next value, and the logs that come and go with it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from headwater.model.stream import HOUR_MS, Stream


class Revision(msgspec.Struct, frozen=True):
    """A revision: the next value of a stream, and its logs that come and go."""

    stream: Stream | None
    """The new value; `None` removes the stream."""
    create_logs: tuple[int, ...] = ()
    seal_logs: tuple[int, ...] = ()
    delete_logs: tuple[int, ...] = ()
    writes: Mapping[str, bytes | None] = MappingProxyType({})
    """What is written with it, of keys that are no stream's."""
    expected: Mapping[str, int] = MappingProxyType({})
    """Versions that such keys must have."""

    def keep_ms(self, before: Stream) -> dict[int, int]:
        """How long records are kept, for new logs or, where that has changed, for all."""
        stream = self.stream
        if stream is None:
            return {}
        log_ids = set(self.create_logs)
        if stream.retention_hours != before.retention_hours:
            log_ids |= stream.log_ids
        return dict.fromkeys(log_ids, stream.retention_hours * HOUR_MS)
