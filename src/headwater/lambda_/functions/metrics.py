"""The metrics of functions and of event source mappings: those of `AWS/Lambda`.

Rules:
- time is that of the streams; what an invocation was counts in the minute in which it began;
- a value counts for the function, for the resource that was invoked (the function, or its version
  or alias), for the version behind an alias, and for all functions of the account and region;
- how many invocations are under way counts for the function, and for all.

Refuses to know who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from headwater.engine.metrics.kept_minutes import Dimensions, MinuteMetrics, Series, minute_of
from headwater.engine.metrics.metric_names import LAMBDA, NAMESPACES
from headwater.engine.metrics.tally import StatisticSet
from headwater.lambda_.functions.function import FunctionId
from headwater.model.caller import Caller

ALL: Dimensions = ()


class MetricTarget(NamedTuple):
    """The function, version or alias that was invoked."""

    function: FunctionId
    qualifier: str | None = None
    """The version or the alias by which it was named."""
    executed_version: str | None = None
    """The one that an alias chose."""

    @property
    def dimensions(self) -> list[Dimensions]:
        """Those of every metric that its invocations belong to."""
        name = self.function.name
        function = ("FunctionName", name)
        resource = ("Resource", f"{name}:{self.qualifier}" if self.qualifier else name)
        found: list[Dimensions] = [ALL, (function,), (function, resource)]
        if self.executed_version is not None:
            found.append((function, resource, ("ExecutedVersion", self.executed_version)))
        return found


class FunctionMetrics(MinuteMetrics):
    """The counts of all functions and mappings of a server, kept at once. A `MetricReader`."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        """`now_ms` is the streams' time."""
        super().__init__(now_ms, NAMESPACES[LAMBDA].dimensions)

    def began(self, function: FunctionId, of_function: int, of_all: int) -> None:
        """Count an invocation that began, and those under way, of the function and of all."""
        of_name: Dimensions = (("FunctionName", function.name),)
        self._count(function, [of_name], {"ConcurrentExecutions": of_function})
        self._count(function, [ALL], {"ConcurrentExecutions": of_all})

    def invoked(self, target: MetricTarget, began_ms: int, duration_ms: float, *, is_error: bool) -> None:
        """An invocation has ended."""
        values = {"Invocations": 1, "Errors": int(is_error), "Throttles": 0, "Duration": duration_ms}
        self._count(target.function, target.dimensions, values, began_ms)

    def throttled(self, target: MetricTarget) -> None:
        """An invocation was refused, for there are as many as there may be."""
        self._count(target.function, target.dimensions, {"Throttles": 1})

    def sent(self, target: MetricTarget, iterator_age_ms: int) -> None:
        """Count a batch that a mapping sends, by the age of its last record."""
        self._count(target.function, target.dimensions, {"IteratorAge": iterator_age_ms})

    def event_received(self, target: MetricTarget) -> None:
        """The queue of asynchronous invocations has taken an event."""
        self._count(target.function, target.dimensions, {"AsyncEventsReceived": 1})

    def event_reached(self, target: MetricTarget, age_ms: int) -> None:
        """Count an event of the queue that its function gets, by its age."""
        self._count(target.function, target.dimensions, {"AsyncEventAge": age_ms})

    def event_dropped(self, target: MetricTarget) -> None:
        """An event of the queue is given up; a dead letter queue may get it."""
        self._count(target.function, target.dimensions, {"AsyncEventsDropped": 1})

    def dead_letter_failed(self, target: MetricTarget) -> None:
        """A dead letter queue could not be told."""
        self._count(target.function, target.dimensions, {"DeadLetterErrors": 1})

    def mapping_counted(self, caller: Caller, uuid: str, metric: str, records: int) -> None:
        """Count the records of a mapping's step."""
        self._keep(caller, [(("EventSourceMappingUUID", uuid),)], {metric: records}, self._now_ms())

    def _count(
        self,
        function: FunctionId,
        dimensions: list[Dimensions],
        values: Mapping[str, float],
        at_ms: int | None = None,
    ) -> None:
        caller = Caller(function.account_id, function.region)
        self._keep(caller, dimensions, values, self._now_ms() if at_ms is None else at_ms)

    def _keep(
        self, caller: Caller, dimensions: list[Dimensions], values: Mapping[str, float], at_ms: int
    ) -> None:
        self.roll()
        counted = {
            Series(caller, metric, of): StatisticSet(1, value, value, value)
            for metric, value in values.items()
            for of in dimensions
        }
        # The time may have been set back since.
        self._kept.keep(min(minute_of(at_ms), self._under_way_ms), counted)
