"""Which streams are limited, and to what.

A rule for all streams holds for each that has none of its own; what the server was
started with is the first. A stream's own rule goes with the stream. A rule that is set
begins with all shards rested. Rules are kept in memory only. What limits is imported with the first rule:
most servers have none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import msgspec

from headwater.engine.limits.token_bucket import TokenBucket
from headwater.model.arn import StreamName
from headwater.model.stream import Stream

if TYPE_CHECKING:
    from headwater.engine.limits.throughput_limits import StreamLimits, ThroughputSettings

Rule: TypeAlias = "ThroughputSettings | Literal['exempt']"
_CALL_BUCKETS_MAX = 100_000


class LimitedStream(Protocol):
    """The part of a live stream that limits need."""

    stream: Stream
    own_rule: Rule | None
    """`None`: the rule for all streams holds."""

    def limit(self, limits: StreamLimits | None) -> None:
        """From now on the stream is limited so, or not at all."""


class StreamRule(msgspec.Struct, frozen=True):
    """A stream that has a rule of its own."""

    stream: Stream
    rule: Rule


class Enforcement:
    """The rules of one engine, and how often operations have been called."""

    def __init__(
        self, streams: Mapping[StreamName, LimitedStream], now_ms: Callable[[], int], *, enforced: bool
    ) -> None:
        """`streams` are the engine's own; with `enforced` all of them are limited as AWS does."""
        self._streams = streams
        self._now_ms = now_ms
        self._first_rule: Rule = _aws_figures() if enforced else "exempt"
        self._calls: dict[Hashable, TokenBucket] = {}
        self.rule = self._first_rule

    def begin(self, live: LimitedStream) -> None:
        """Limit a stream as its rule has it."""
        rule = self.rule if live.own_rule is None else live.own_rule
        live.limit(None if rule == "exempt" else self._rested(rule))

    def _rested(self, rule: ThroughputSettings) -> StreamLimits:
        from headwater.engine.limits.throughput_limits import StreamLimits  # noqa: PLC0415 - see above

        return StreamLimits(rule, self._now_ms())

    def own_rules(self) -> list[StreamRule]:
        """The streams with rules of their own, in the order of account, region and name."""
        return [
            StreamRule(live.stream, live.own_rule)
            for _, live in sorted(self._streams.items())
            if live.own_rule is not None
        ]

    def set_rule(self, rule: Rule | None) -> None:
        """Set the rule for all streams; `None` is the one that the server was started with."""
        self.rule = self._first_rule if rule is None else rule
        self._calls.clear()
        for live in self._streams.values():
            if live.own_rule is None:
                self.begin(live)

    def set_own_rule(self, name: StreamName, rule: Rule | None) -> bool:
        """Set a stream's own rule, or none; whether there is such a stream."""
        live = self._streams.get(name)
        if live is None:
            return False
        live.own_rule = rule
        self.begin(live)
        return True

    def reset(self) -> None:
        """Forget every rule and every call. The streams have gone already."""
        self.set_rule(None)

    def limits_calls(self, name: StreamName | None) -> bool:
        """Whether rates of calls hold for this stream, or for an account."""
        live = None if name is None else self._streams.get(name)
        rule = self.rule if live is None or live.own_rule is None else live.own_rule
        return rule != "exempt"

    def counts(self, call: Hashable, calls_per_s: int) -> bool:
        """Whether one more such call may be made now; if so, it counts."""
        now_ms = self._now_ms()
        bucket = self._calls.get(call)
        if bucket is None:
            if len(self._calls) >= _CALL_BUCKETS_MAX:
                self._calls.clear()
            bucket = self._calls[call] = TokenBucket(calls_per_s, now_ms)
        if not bucket.has(1, now_ms):
            return False
        bucket.use(1)
        return True


def _aws_figures() -> ThroughputSettings:
    from headwater.engine.limits.throughput_limits import AWS_FIGURES  # noqa: PLC0415 - see above

    return AWS_FIGURES
