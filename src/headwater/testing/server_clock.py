"""The time that a server's streams live in, in a test's hands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from headwater.testing.admin_client import AdminClient

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class ServerClock:
    """The clock of one server. What is due at the new time has happened for every later request."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def now(self) -> datetime:
        """The time now, in UTC."""
        now_ms: int = self._admin.get("clock")["now_ms"]
        return _EPOCH + now_ms * _MILLISECOND

    def advance(self, delta: timedelta = timedelta(0), **units: float) -> None:
        """Move on, by a `timedelta` or by what makes one: `advance(hours=25)`."""
        self._admin.post("clock", advance_ms=round((delta + timedelta(**units)) / _MILLISECOND))

    def set(self, moment: datetime) -> None:
        """Jump to a moment, which must have a time zone; back, too."""
        self._admin.post("clock", set_ms=round((moment - _EPOCH) / _MILLISECOND))

    def restore(self) -> None:
        """Run, and show the machine's time again."""
        self._admin.post("clock", running=True, set_ms=round((datetime.now(UTC) - _EPOCH) / _MILLISECOND))

    def stop(self) -> None:
        """Stand still until `go_on`: what takes time then happens when the test says so."""
        self._admin.post("clock", running=False)

    def go_on(self) -> None:
        """Run again."""
        self._admin.post("clock", running=True)
