"""Changes that a test asks a server for, and how it is seen whether they were made."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.crash.seen_stream import SeenStream

CONSUMERS = "consumer"
KINDS = {"RegisterStreamConsumer": CONSUMERS, "DeregisterStreamConsumer": CONSUMERS}
"""Operations that undo each other are of one kind."""


class Change(NamedTuple):
    """A change of a stream. It replaces an earlier one of the same kind, stream and subject."""

    operation: str
    stream: str
    subject: str
    """The shard, consumer, or key of a tag that is changed; empty for the stream itself."""
    members: dict[str, Any]

    @property
    def identity(self) -> tuple[str, str, str]:
        return KINDS.get(self.operation, self.operation), self.stream, self.subject

    @property
    def takes_time(self) -> bool:
        return self.operation != "AddTagsToStream"

    @property
    def closes(self) -> set[str]:
        """The shards that it closes."""
        if self.operation not in {"SplitShard", "MergeShards"}:
            return set()
        return {self.subject, self.members.get("AdjacentShardToMerge", self.subject)}

    def is_shown(self, seen: dict[str, SeenStream]) -> bool:
        if self.operation == "DeleteStream" or self.stream not in seen:
            return (self.operation == "DeleteStream") != (self.stream in seen)
        stream = seen[self.stream]
        children = [shard for shard in stream.shards if self.subject in shard.parents]
        match self.operation:
            case "CreateStream":
                return bool(sum(not shard.parents for shard in stream.shards) == self.members["ShardCount"])
            case "AddTagsToStream":
                return bool(self.members["Tags"].items() <= stream.tags.items())
            case "RegisterStreamConsumer":
                return self.subject in stream.consumers
            case "DeregisterStreamConsumer":
                return self.subject not in stream.consumers
            case "SplitShard":
                boundary = int(self.members["NewStartingHashKey"])
                starts = {child.start for child in children if child.parents == [self.subject]}
                return len(children) == len(starts) == 2 and boundary in starts
            case "MergeShards":
                parents = [self.subject, self.members["AdjacentShardToMerge"]]
                return [child.parents for child in children] == [parents]
            case _:
                raise NotImplementedError(self.operation)
