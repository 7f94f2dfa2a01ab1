"""Faults on purpose, in a test's hands.

    with headwater.faults.error("PutRecord", "ProvisionedThroughputExceededException", times=2) as fault:
        place_order(...)
    assert fault.fired == 2

Each call adds a rule; it is there until the block is left, or `remove`, `clear` or a reset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack

from headwater.testing.admin_client import AdminClient, AdminFailure

Operations = str | Sequence[str]
"""The name of an operation, or several; none is every operation that the fault can happen to."""


class Matching(TypedDict, total=False):
    """Which calls, and how often. What is left out does not narrow it."""

    stream: str
    """A name or an ARN."""
    shard: str
    partition_key: str
    consumer: str
    """The name of a consumer with enhanced fan-out."""
    times: int
    """How often it fires in all."""
    skip: int
    """So many calls that match are let through first."""
    probability: float
    """Of firing for a call that matches; above 0, up to 1."""
    seed: int
    """The same seed and the same calls give the same faults."""


class ServerFault:
    """One rule. As a context manager it is gone after the block."""

    def __init__(self, admin: AdminClient, document: dict[str, Any]) -> None:
        self._admin = admin
        self._document = document
        self._is_removed = False

    @property
    def id(self) -> int:
        """The rule's number."""
        number: int = self._document["id"]
        return number

    @property
    def matched(self) -> int:
        """How many calls it has matched so far; after `remove`, in all."""
        return self._count("matched")

    @property
    def fired(self) -> int:
        """How many of these it has happened to."""
        return self._count("fired")

    def remove(self) -> None:
        """Take the rule away. Harmless when it is gone."""
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
    """The faults of one server: add one by its method, look at all by iterating."""

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
        """Answer with an error of the API by its name, in place of the operation."""
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
        """Refuse the first `records` of a PutRecords call that match, or all of them; store the others."""
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
        """Begin later; or do it at once, and answer later."""
        return self._add("delay", matching, operation=operation, delay_ms=delay_ms, when=when)

    def cut(
        self,
        operation: Operations = (),
        *,
        when: Literal["before", "after"] = "before",
        **matching: Unpack[Matching],
    ) -> ServerFault:
        """End the connection without an answer: nothing was done, or everything (a retry does it again)."""
        return self._add("cut", matching, operation=operation, when=when)

    def expire_iterator(
        self, operation: Operations = "GetRecords", **matching: Unpack[Matching]
    ) -> ServerFault:
        """Answer GetRecords as if the iterator were too old."""
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
        """End subscriptions that are opened from now on, after so many events.

        They just end, or with `error` as the last thing they say, or with the connection `cut`.
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
        """End subscriptions that are open, as `end_subscription` does: now, or after so many further events.

        Returns how many there were.
        """
        ending = {"after_events": after_events, "error": error, "message": message, "cut": cut}
        ended: int = self._post("end_open_subscriptions", matching, **ending)["ended"]
        return ended

    def clear(self) -> None:
        """Take all rules away."""
        self._admin.delete("faults")

    def __iter__(self) -> Iterator[ServerFault]:
        for document in self._admin.get("faults")["faults"]:
            yield ServerFault(self._admin, document)

    def __len__(self) -> int:
        return len(self._admin.get("faults")["faults"])

    def _add(self, action: str, matching: Matching, **members: Any) -> ServerFault:
        return ServerFault(self._admin, self._post(action, matching, **members))

    def _post(self, action: str, matching: Matching, **members: Any) -> dict[str, Any]:
        said = {name: value for name, value in members.items() if value is not None}
        return self._admin.post("faults", action=action, **said, **matching)
