"""The body of a backup: a copy of the store, a part for each turn of the loop, as fast as the client reads.

When a part cannot be read the body ends without the copy's own end, so its reader
knows that it is not whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from headwater.server.admin import RouteSet, Streamed
from headwater.server.http.exchange import BodyWriter, Fields
from headwater.server.refused import Refused
from headwater.storage.interface import StoreCopy, StoreUnavailable

BINARY: Fields = (("Content-Type", "application/octet-stream"),)


def backup_routes(begin_copy: Callable[[], StoreCopy] | None, log_error: Callable[[str], None]) -> RouteSet:
    """The route for a backup. `begin_copy` gives a copy of all data, if it may be had.

    Raises Refused.
    """

    async def back_up(_query: bytes) -> Streamed:
        if begin_copy is None:
            raise Refused(
                409, "Others keep this server's data: back them up there, or use headwater migrate."
            )
        return Streamed(BINARY, BackupSource(begin_copy(), log_error))

    return RouteSet({b"backup": {b"GET": back_up}})


class BackupSource:
    """A `BodySource`."""

    def __init__(self, copy: StoreCopy, log_error: Callable[[str], None]) -> None:
        self._copy = copy
        self._log_error = log_error
        self._loop = asyncio.get_running_loop()
        self._writer: BodyWriter | None = None
        self._paused = False
        self._turn_is_due = False

    def start(self, writer: BodyWriter) -> None:
        """The head has been sent."""
        self._writer = writer
        self._await_turn()

    def pause(self) -> None:
        """The client is slow."""
        self._paused = True

    def resume(self) -> None:
        """The client has caught up."""
        self._paused = False
        self._await_turn()

    def stop(self) -> None:
        """The client has gone."""
        self._writer = None
        self._copy.close()

    def _await_turn(self) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._turn_is_due = False
        writer = self._writer
        if writer is None or self._paused:
            return
        try:
            part = self._copy.next_part()
        except StoreUnavailable as error:
            self._log_error(f"a backup was cut short: {error}")
            part = b""
        if part:
            writer.write(part)
            self._await_turn()
        else:
            self._writer = None
            self._copy.close()
            writer.end()
