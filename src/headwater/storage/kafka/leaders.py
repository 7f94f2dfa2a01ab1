"""Who leads which topic, as far as brokers have said.

A broker that the others cannot reach goes on saying that it leads what it has led. In each epoch of a topic
there is one leader, so the word of a later epoch counts.

Refuses to know how brokers are asked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from aiokafka.errors import NoError, UnknownTopicOrPartitionError


class Leadership(NamedTuple):
    """Who leads a topic in an epoch, and all that have it."""

    node_id: int
    epoch: int
    replicas: tuple[int, ...]

    def witnesses(self) -> int:
        """How many of the others must know of no later epoch, so that there has been none.

        One who has taken part in storing something in a later epoch is among them, as with three replicas two
        must have it, and so on. With two both must have it, and the leader alone knows.
        """
        return len(self.replicas) // 2 if len(self.replicas) > 2 else 0


class Leaders(dict[str, int]):
    """The nodes to ask, by topic; a topic is taken out when its node seems to be the wrong one."""

    __slots__ = ("newest",)

    def __init__(self) -> None:
        super().__init__()
        self.newest: dict[str, Leadership] = {}
        """The latest that was heard, whether its leader can be asked or not."""

    def forget(self, topic: str) -> None:
        """The topic is gone."""
        self.pop(topic, None)
        self.newest.pop(topic, None)

    def take(self, topics: Sequence[Any], reachable: Collection[int]) -> dict[str, int]:
        """What a broker says of topics, unless it is older than what is known; the topics' errors."""
        codes: dict[str, int] = {}
        for code, topic, _, partitions in topics:
            codes[topic] = code
            if code == UnknownTopicOrPartitionError.errno:
                self.forget(topic)
            elif code != NoError.errno or not partitions:
                self.pop(topic, None)
            else:
                _, _, node_id, epoch, replicas, *_ = partitions[0]
                self._hear(topic, Leadership(node_id, epoch, tuple(replicas)), reachable)
        return codes

    def _hear(self, topic: str, led: Leadership, reachable: Collection[int]) -> None:
        known = self.newest.get(topic)
        if known is not None and led.epoch < known.epoch:
            return
        self.newest[topic] = led
        if led.node_id in reachable:
            self[topic] = led.node_id
        else:
            self.pop(topic, None)
