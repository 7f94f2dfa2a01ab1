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


class Receipt(NamedTuple):
    """What a receipt handle says."""

    log_id: int
    position: int
    delivery: int
    is_dead: bool
    """Whether the record was handed out as a dead letter."""


def issue_receipt(sealer: Sealer, queue_id: str, receipt: Receipt) -> str:
    """The handle of a receipt."""
    return sealer.seal(_CONTENT.pack(*receipt) + queue_id.encode("ascii"))


def read_receipt(sealer: Sealer, queue_id: str, handle: str) -> Receipt | None:
    """The receipt of a handle; `None` for one that this queue has not given."""
    content = sealer.open(handle)
    if content is None or content[_CONTENT.size :] != queue_id.encode("ascii"):
        return None
    return Receipt(*_CONTENT.unpack_from(content))
