"""The limits of a server's streams, set by a test.

    headwater.limits.enforce("orders", records_in_per_s=10)

    with headwater.limits.enforce("orders"):
        ...

A change is undone when its block is left.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from headwater.testing.admin_client import AdminClient

ROUTE = "limits"


class ChangedLimits:
    """A change of limits; as a context manager it is undone after the block."""

    def __init__(self, admin: AdminClient, before: dict[str, Any]) -> None:
        self._admin = admin
        self._before = before

    def undo(self) -> None:
        """Restore the rule from before the change. Raises `AdminFailure` when the stream is gone."""
        self._admin.post(ROUTE, **self._before)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()


class ServerLimits:
    """The limits of one server's streams.

    A stream is given by name or ARN; `account_id` and `region` are those of the server unless
    given. Without a stream the rule is for all streams that have none of their own. Every method
    raises `AdminFailure` with the server's message.
    """

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def shown(self) -> dict[str, Any]:
        """All rules: `default`, and `streams` with the rules of single streams."""
        return self._admin.get(ROUTE)

    def enforce(
        self,
        stream: str | None = None,
        *,
        account_id: str | None = None,
        region: str | None = None,
        **figures: int,
    ) -> ChangedLimits:
        """Enforce AWS's rates from now on, or other `figures`: refuse what is beyond them.

        The figures are `records_in_per_s`, `bytes_in_per_s`, `reads_per_s`, `bytes_out_per_s`,
        `fan_out_bytes_per_s` and, for an on-demand stream that scales, `shards_max`.
        """
        return self._change(stream, account_id, region, enforce=True, **figures)

    def exempt(
        self, stream: str | None = None, *, account_id: str | None = None, region: str | None = None
    ) -> ChangedLimits:
        """Enforce no rate from now on, whatever the rule for other streams."""
        return self._change(stream, account_id, region, enforce=False)

    def remove(
        self, stream: str | None = None, *, account_id: str | None = None, region: str | None = None
    ) -> ChangedLimits:
        """Remove the rule. A stream then has that for all; all streams, that of the server's start."""
        return self._change(stream, account_id, region, remove=True)

    def _change(
        self, stream: str | None, account_id: str | None, region: str | None, **rule: Any
    ) -> ChangedLimits:
        place = {"stream": stream, "account_id": account_id, "region": region}
        given = {member: value for member, value in place.items() if value is not None}
        return ChangedLimits(self._admin, self._admin.post(ROUTE, **given, **rule)["before"])
