"""The shards that an account may have in a region, and who has spoken for them, and for streams.

Rules:
- what counts are the open shards of provisioned streams, the shards that a split or a scaling under
  way will add, and those of calls that are being committed: two calls at a time cannot both get the
  last one. So it is with the streams that may be on-demand, or CREATING at once;
- what a merge or scaling down will free counts until it is done.

Refuses to know what the shards are for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from headwater.model.caller import Caller
from headwater.model.errors import LimitExceededException
from headwater.model.stream import Scale, Split, SplitEvenly, Stream


def shards_spoken_for(stream: Stream) -> int:
    """The open shards of a stream, and those that its transition will add."""
    present = len(stream.open_shards)
    match stream.transition and stream.transition.step:
        case Split():
            return present + 1
        case Scale(shard_count):
            return max(present, shard_count)
        case SplitEvenly(shard_indexes):
            return present + len(shard_indexes)
        case _:
            return present


class ShardClaim:
    """The shards, and the stream, that a call under way will add."""

    def __init__(self, budget: ShardBudget, caller: Caller) -> None:
        self._budget = budget
        self.caller = caller
        self.shards = 0
        self.is_creating = False
        """It makes a stream."""
        self.is_on_demand = False
        """It makes a stream that is on-demand, or makes one so."""

    def take(self, streams: Iterable[Stream], added: int) -> None:
        """Claim shards in place of what was claimed before. `streams` are the caller's as they are now.

        Raises LimitExceededException when the account's provisioned streams would pass its limit.
        """
        self.shards = 0
        present = sum(shards_spoken_for(stream) for stream in streams if stream.mode == "PROVISIONED")
        present += self._budget.claimed(self.caller)
        if present + added > self._budget.limit:
            raise LimitExceededException(
                f"This request would exceed the shard limit for the account {self.caller.account_id} "
                f"in {self.caller.region}. "
                f"Current shard count for the account: {present}. Limit: {self._budget.limit}. "
                f"Number of additional shards that would have resulted from this request: {added}. "
                "Refer to the AWS Service Limits page "
                "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) "
                "for current limits and how to request higher limits."
            )
        self.shards = added


class ShardBudget:
    """The limit of every account and region, and the claims of calls that are under way."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._claims: list[ShardClaim] = []

    @contextmanager
    def claim(self, caller: Caller) -> Iterator[ShardClaim]:
        """A claim, of nothing at first, that ends with the call: what it has got is then part of a stream."""
        claim = ShardClaim(self, caller)
        self._claims.append(claim)
        try:
            yield claim
        finally:
            self._claims.remove(claim)

    def room(self, caller: Caller, streams: Iterable[Stream]) -> int:
        """The shards that are left to an account with these streams, of both modes."""
        return self.limit - sum(map(shards_spoken_for, streams)) - self.claimed(caller)

    def creating(self, caller: Caller) -> int:
        """The streams that calls of this account and region are making."""
        return sum(claim.is_creating for claim in self._claims if claim.caller == caller)

    def on_demand(self, caller: Caller) -> int:
        """The streams that calls of this account and region are making on-demand."""
        return sum(claim.is_on_demand for claim in self._claims if claim.caller == caller)

    def claimed(self, caller: Caller) -> int:
        """The shards that calls of this account and region have claimed."""
        return sum(claim.shards for claim in self._claims if claim.caller == caller)
