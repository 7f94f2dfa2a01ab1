"""The faults of a server, added by a test.

    with headwater.faults.error("PutRecord", "ProvisionedThroughputExceededException", times=2) as fault:
        place_order(...)
    assert fault.fired == 2

Each call adds a rule, which lasts until the block is left, or until `remove`, `clear` or a reset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack

from headwater.testing.admin_client import AdminClient, AdminFailure

Operations = str | Sequence[str]
"""The name of an operation, or several; empty: every operation that can have the fault."""


class Matching(TypedDict, total=False):
    """The calls that a fault matches, and how often it happens. Each key narrows them."""

    stream: str
    """The stream, by name or ARN."""
    shard: str
    """The shard, by id or number."""
    partition_key: str
    """The partition key of a record that is put."""
    consumer: str
    """The registered consumer, by name."""
    times: int
    """The number of times that it happens; without it, no limit."""
    skip: int
    """The number of matching calls that are let through first."""
    probability: float
    """The probability for each matching call, above 0 and up to 1."""
    seed: int
    """The seed of the probability: the same seed and calls give the same faults."""


class ServerFault:
    """A fault rule; as a context manager it is removed after the block."""

    def __init__(self, admin: AdminClient, document: dict[str, Any]) -> None:
        self._admin = admin
        self._document = document
        self._is_removed = False

    @property
    def id(self) -> int:
        """The number of the rule."""
        number: int = self._document["id"]
        return number

    @property
    def matched(self) -> int:
        """The number of calls that it has matched."""
        return self._count("matched")

    @property
    def fired(self) -> int:
        """The number of calls that it has happened to."""
        return self._count("fired")

    def remove(self) -> None:
        """Remove the rule. May be called again."""
        if not self._is_removed:
            self._is_removed = True
            try:
                self._document = self._admin.delete(f"faults/{self.id}")
            except AdminFailure as failure:
                if failure.status != 404:
                    raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"ServerFault({self._document})"

    def _count(self, name: str) -> int:
        if not self._is_removed:
            self._document = self._admin.get(f"faults/{self.id}")
        count: int = self._document[name]
        return count


class ServerFaults:
    """The faults of one server: each method adds one; iteration lists all.

    Every method raises `AdminFailure` with the server's message for a fault that makes no sense.
    """

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def error(
        self,
        operation: Operations = (),
        error: str = "InternalFailure",
        *,
        message: str | None = None,
        **matching: Unpack[Matching],
    ) -> ServerFault:
        """Answer with an error of the API, by name, instead of running the operation."""
        return self._add("error", matching, operation=operation, error=error, message=message)

    def throttle(
        self,
        operation: Operations = "PutRecords",
        *,
        records: int | None = None,
        error: Literal["ProvisionedThroughputExceededException", "InternalFailure"] | None = None,
        message: str | None = None,
        **matching: Unpack[Matching],
    ) -> ServerFault:
        """Refuse matching records of PutRecords calls: the first `records`, or all. Others are stored."""
        return self._add(
            "throttle", matching, operation=operation, records=records, error=error, message=message
        )

    def delay(
        self,
        operation: Operations = (),
        *,
        delay_ms: int,
        when: Literal["before", "after"] = "before",
        **matching: Unpack[Matching],
    ) -> ServerFault:
        """Delay an operation by `delay_ms`, or only its answer."""
        return self._add("delay", matching, operation=operation, delay_ms=delay_ms, when=when)

    def cut(
        self,
        operation: Operations = (),
        *,
        when: Literal["before", "after"] = "before",
        **matching: Unpack[Matching],
    ) -> ServerFault:
        """End the connection without an answer, before the operation or after it has taken effect."""
        return self._add("cut", matching, operation=operation, when=when)

    def expire_iterator(
        self, operation: Operations = "GetRecords", **matching: Unpack[Matching]
    ) -> ServerFault:
        """Answer GetRecords with ExpiredIteratorException, as if the iterator were too old."""
        return self._add("expire_iterator", matching, operation=operation)

    def end_subscription(
        self,
        operation: Operations = "SubscribeToShard",
        *,
        after_events: int = 0,
        error: str | None = None,
        message: str | None = None,
        cut: bool = False,
        **matching: Unpack[Matching],
    ) -> ServerFault:
        """End subscriptions that are opened from now on, after `after_events` events.

        They end plainly, with the exception `error`, or with the connection `cut`.
        """
        return self._add(
            "end_subscription",
            matching,
            operation=operation,
            after_events=after_events,
            error=error,
            message=message,
            cut=cut,
        )

    def end_open_subscriptions(
        self,
        *,
        after_events: int = 0,
        error: str | None = None,
        message: str | None = None,
        cut: bool = False,
        **matching: Unpack[Matching],
    ) -> int:
        """End open subscriptions as `end_subscription` does, now or after `after_events` further events.

        Returns how many there were.
        """
        ending = {"after_events": after_events, "error": error, "message": message, "cut": cut}
        ended: int = self._post("end_open_subscriptions", matching, **ending)["ended"]
        return ended

    def clear(self) -> None:
        """Remove all rules."""
        self._admin.delete("faults")

    def __iter__(self) -> Iterator[ServerFault]:
        for document in self._admin.get("faults")["faults"]:
            yield ServerFault(self._admin, document)

    def __len__(self) -> int:
        return len(self._admin.get("faults")["faults"])

    def _add(self, action: str, matching: Matching, **members: Any) -> ServerFault:
        return ServerFault(self._admin, self._post(action, matching, **members))

    def _post(self, action: str, matching: Matching, **members: Any) -> dict[str, Any]:
        given = {name: value for name, value in members.items() if value is not None}
        return self._admin.post("faults", action=action, **given, **matching)
