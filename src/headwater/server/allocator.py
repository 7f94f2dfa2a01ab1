"""How the C library keeps memory that was freed.

glibc gives memory above a small amount back to the system as soon as it is free, and
takes it again for the next request. Each page taken is a page fault, which on a virtual
machine costs more than all else that is done with the page: answers of 10 MB took three
times as long. So a server tells it to keep what it had.
"""

from __future__ import annotations

import sys

KEPT_BYTES = 64 * 1024 * 1024
"""Free memory that is not given back."""
MAPPED_BYTES = 32 * 1024 * 1024
"""Larger pieces are taken from the system and given back one by one; the most that glibc allows."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> None:
    """Do so for this process; where the C library is another one, nothing."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - it takes some milliseconds, and who calls this chooses when

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)
