"""The limits of a server's streams, in a test's hands.

headwater.limits.enforce("orders", records_in_per_s=10)

with headwater.limits.enforce("orders"):
...
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from headwater.testing.admin_client import AdminClient

ROUTE = "limits"


class ChangedLimits:
    """A change that has been made; as a context manager it is taken back at the end of the block."""

    def __init__(self, admin: AdminClient, before: dict[str, Any]) -> None:
        self._admin = admin
        self._before = before

    def undo(self) -> None:
        """Let what was before hold again. Raises `AdminFailure` when the stream is gone."""
        self._admin.post(ROUTE, **self._before)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()


class ServerLimits:
    """Which streams of one server are limited, and to what.

    A stream is named by its name or its ARN; `account_id` and `region` say whose it is when
    it is not the server's own. Without a stream, the rule for all streams is meant that have
    none of their own. Every method raises `AdminFailure` with the server's words.
    """

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def shown(self) -> dict[str, Any]:
        """Every rule: `default`, and `streams` with those that have one of their own."""
        return self._admin.get(ROUTE)

    def enforce(
        self,
        stream: str | None = None,
        *,
        account_id: str | None = None,
        region: str | None = None,
        **figures: int,
    ) -> ChangedLimits:
        """Refuse from now on what is beyond AWS's rates, or beyond other `figures` than AWS's.

        The figures are `records_in_per_s`, `bytes_in_per_s`, `reads_per_s`, `bytes_out_per_s`,
        `fan_out_bytes_per_s` and, for an on-demand stream that scales, `shards_max`.
        """
        return self._change(stream, account_id, region, enforce=True, **figures)

    def exempt(
        self, stream: str | None = None, *, account_id: str | None = None, region: str | None = None
    ) -> ChangedLimits:
        """Refuse nothing from now on, whatever holds for other streams."""
        return self._change(stream, account_id, region, enforce=False)

    def remove(
        self, stream: str | None = None, *, account_id: str | None = None, region: str | None = None
    ) -> ChangedLimits:
        """Take the rule away: the one for all streams holds, or the one that the server began with."""
        return self._change(stream, account_id, region, remove=True)

    def _change(
        self, stream: str | None, account_id: str | None, region: str | None, **rule: Any
    ) -> ChangedLimits:
        place = {"stream": stream, "account_id": account_id, "region": region}
        given = {member: value for member, value in place.items() if value is not None}
        return ChangedLimits(self._admin, self._admin.post(ROUTE, **given, **rule)["before"])
