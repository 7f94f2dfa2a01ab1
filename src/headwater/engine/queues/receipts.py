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


class ReceiptIssuer:
    """Issues the handles of one queue."""

    __slots__ = ("_queue_id", "_seal")

    def __init__(self, sealer: Sealer, queue_id: str) -> None:
        self._seal = sealer.seal
        self._queue_id = queue_id.encode("ascii")

    def issue(self, log_id: int, position: int, delivery: int, is_dead: bool) -> str:
        """The handle of a receipt that says this; without a `Receipt`, as there is one for each record."""
        return self._seal(_pack(log_id, position, delivery, is_dead) + self._queue_id)


def read_receipt(sealer: Sealer, queue_id: str, handle: str) -> Receipt | None:
    """The receipt of a handle; `None` for one that this queue has not given."""
    content = sealer.open(handle)
    if content is None or content[_CONTENT.size :] != queue_id.encode("ascii"):
        return None
    return Receipt(*_CONTENT.unpack_from(content))
