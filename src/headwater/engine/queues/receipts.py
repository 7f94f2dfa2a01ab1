"""Receipt handles: which delivery of which record of which queue somebody holds.

A handle is sealed, as iterators are: nobody can make one, and one of another queue, or of a queue that
is gone, says so. It holds the number of the delivery, which is new with each receive, and whether the
record was handed out as a dead letter: the two sets of operations do not take each other's handles.

Refuses to know what became of the record since.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from headwater.engine.tokens.sealed_token import Sealer

_CONTENT = Struct(">QQQ?")
_pack = _CONTENT.pack


class Receipt(NamedTuple):
    """What a receipt handle says."""

    log_id: int
    position: int
    delivery: int
    is_dead: bool
    """Whether the record was handed out as a dead letter."""


class Receipts:
    """The receipt handles of one queue."""

    def __init__(self, sealer: Sealer, queue_id: str) -> None:
        self._sealer = sealer
        self._queue_id = queue_id.encode("ascii")

    def issue(self, *receipt: int) -> str:
        """The handle of a receipt, whose parts are in the order of `Receipt`."""
        return self._sealer.seal(_pack(*receipt) + self._queue_id)

    def read(self, handle: str) -> Receipt | None:
        """The receipt of a handle; `None` for one that this queue has not given."""
        content = self._sealer.open(handle)
        if content is None or content[_CONTENT.size :] != self._queue_id:
            return None
        return Receipt(*_CONTENT.unpack_from(content))
