"""Receipt handles: which delivery of which record of which queue somebody holds.

A handle is sealed, as iterators are: nobody can make one, and one of another queue, or of a queue that
is gone, says so. It holds the number of the delivery, which is new with each receive, and whether the
record was handed out as a dead letter: the two sets of operations do not take each other's handles.

Refuses to know what became of the record since.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple

from headwater.engine.tokens.sealed_token import Sealer

_CONTENT = Struct(">QQQ?x")
"""The last byte says nothing: with it a handle is base64 without padding, at which a reader of requests
would have to look twice."""


class Receipt(NamedTuple):
    """What a receipt handle says."""

    log_id: int
    position: int
    delivery: int
    is_dead: bool
    """Whether the record was handed out as a dead letter."""


content = _CONTENT.pack
"""What is sealed in a handle. It takes what a `Receipt` has."""


class QueueReceipts:
    """Issues and reads the handles of one queue."""

    def __init__(self, sealer: Sealer, queue_id: str) -> None:
        self._sealer = sealer.within(queue_id.encode("ascii"))

    def issue(self, contents: Iterable[bytes]) -> list[str]:
        """A handle for each `content`."""
        return self._sealer.seal_all(contents)

    def read(self, handle: str) -> Receipt | None:
        """The receipt of a handle; `None` for one that this queue has not given."""
        content = self._sealer.open(handle)
        return None if content is None else Receipt(*_CONTENT.unpack(content))
