"""A change of one stream: its next value, and the logs that come and go with it."""

from __future__ import annotations

from typing import NamedTuple

from headwater.model.stream import Stream


class Revision(NamedTuple):
    """A revision: the next value of a stream, and its logs that come and go."""

    stream: Stream | None
    """The new value; `None` removes the stream."""
    create_logs: tuple[int, ...] = ()
    seal_logs: tuple[int, ...] = ()
    delete_logs: tuple[int, ...] = ()
