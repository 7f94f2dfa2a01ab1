"""Why a receipt handle does nothing: every reason, with its code and text in the API."""

from __future__ import annotations

from typing import NamedTuple


class RefusedHandle(NamedTuple):
    """Why a handle did nothing."""

    code: str
    message: str


Outcome = RefusedHandle | None
"""Of one handle; `None` is success."""

INVALID_HANDLE = RefusedHandle("InvalidArgumentException", "The receipt handle is not valid for this queue.")
WRONG_KIND = {
    True: RefusedHandle(
        "InvalidArgumentException",
        "The receipt handle is not one of ReceiveDeadLetterQueueRecords.",
    ),
    False: RefusedHandle("InvalidArgumentException", "The receipt handle is not one of ReceiveQueueRecords."),
}
NOT_IN_FLIGHT = RefusedHandle(
    "InvalidArgumentException", "The record is not in flight, or has been received again since."
)
GONE = RefusedHandle("ResourceNotFoundException", "The queue has the record no longer.")
IS_DEAD = RefusedHandle("ResourceNotFoundException", "The record has become a dead-letter record.")
NOT_DEAD = RefusedHandle("ResourceNotFoundException", "The record is no dead-letter record any more.")
