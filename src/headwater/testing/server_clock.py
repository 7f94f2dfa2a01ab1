"""The clock of a server's streams, moved by a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from headwater.testing.admin_client import AdminClient

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class ServerClock:
    """The clock of one server's streams.

    When a method returns, everything has happened that is due by the new time. Every method raises
    `AdminFailure` with the server's message, such as for a server without `test_clock`.
    """

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def now(self) -> datetime:
        """The present time, in UTC."""
        now_ms: int = self._admin.get("clock")["now_ms"]
        return _EPOCH + now_ms * _MILLISECOND

    def advance(self, delta: timedelta = timedelta(0), **units: float) -> None:
        """Move the clock forward by a `timedelta` or its arguments: `advance(hours=25)`."""
        self._admin.post("clock", advance_ms=round((delta + timedelta(**units)) / _MILLISECOND))

    def set(self, moment: datetime) -> None:
        """Set the clock to a moment, forward or back. Raises `TypeError` without a time zone."""
        self._admin.post("clock", set_ms=round((moment - _EPOCH) / _MILLISECOND))

    def restore(self) -> None:
        """Follow the machine's time again."""
        self._admin.post("clock", running=True, set_ms=round((datetime.now(UTC) - _EPOCH) / _MILLISECOND))

    def stop(self) -> None:
        """Stop the clock until `go_on`: nothing falls due by itself."""
        self._admin.post("clock", running=False)

    def go_on(self) -> None:
        """Let the clock run again."""
        self._admin.post("clock", running=True)
