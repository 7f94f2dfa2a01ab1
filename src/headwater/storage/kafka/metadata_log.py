"""The metadata topic: reading its commands in order, and waiting for what they do.

Rules:
- every command is applied once, in the order of the topic, and its effect told at once;
- commands that are gone are in a snapshot: the state becomes that one, and what this changes is told;
- a command that cannot be understood ends reading for good: nothing after it can be known.

Refuses to know what effects mean to others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from headwater.storage.interface import StoreUnavailable
from headwater.storage.kafka import batches, commands
from headwater.storage.kafka.cluster import NONE, OFFSET_OUT_OF_RANGE, Cluster, KafkaError
from headwater.storage.kafka.snapshot_format import MetadataSnapshot, UnknownSnapshot, unpack_state

FETCH_BYTES = 4 * 1024 * 1024
WAIT_MS = 500
RETRY_S = 0.1


class MetadataLog:
    """The metadata as this gateway knows them."""

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        on_effect: Callable[[commands.Effect], None],
        on_failure: Callable[[str], None],
        newest: Callable[[], Awaitable[MetadataSnapshot | None]],
        on_leap: Callable[[], None],
    ) -> None:
        """`newest` gives the newest snapshot; `on_leap` is called when commands were passed over by one."""
        self.topic = topic
        self.state = commands.State()
        self.next = 0
        """The place of the next command."""
        self.read_s = float("-inf")
        """When it was last known that nothing more was there, in the loop's time."""
        self._cluster = cluster
        self._on_effect = on_effect
        self._on_failure = on_failure
        self._newest = newest
        self._on_leap = on_leap
        self._loop = asyncio.get_running_loop()
        self._applied = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._confirmation: asyncio.Task[None] | None = None
        self._end: asyncio.Task[int] | None = None
        """The question for the end that later callers may share: it has not been sent yet."""

    def start(self) -> None:
        """Read on until `close`."""
        self._task = self._loop.create_task(self._follow())

    async def leap(self) -> bool:
        """Go on from the newest snapshot if that has seen more; whether it has.

        Raises `StoreUnavailable`, `UnknownSnapshot`.
        """
        snapshot = await self._newest()
        if snapshot is None or snapshot.next <= self.next:
            return False
        effect = self.state.become(unpack_state(snapshot.data))
        self.next = snapshot.next
        self._on_leap()
        self._on_effect(effect)
        self._wake()
        return True

    def close(self) -> None:
        """Stop reading."""
        for task in (self._task, self._confirmation):
            if task is not None:
                task.cancel()

    async def applied(self) -> None:
        """Wait for the next command to be applied."""
        await self._applied.wait()

    async def catch_up(self) -> None:
        """Wait until every command is applied that was in the topic before this call. Raises `KafkaError`."""
        if self._end is None:
            self._end = self._loop.create_task(self._ask_end())
            self._end.add_done_callback(_note_answer)  # who has asked may have given up
        end = await asyncio.shield(self._end)
        while self.next < end:
            await self.applied()

    async def _ask_end(self) -> int:
        await asyncio.sleep(0)  # whoever asks in this turn of the loop shares the answer
        self._end = None
        return await self._cluster.find_end(self.topic)

    async def _follow(self) -> None:
        while True:
            try:
                fetched = await self._cluster.follow(self.topic, self.next, FETCH_BYTES, WAIT_MS)
            except KafkaError:
                await asyncio.sleep(RETRY_S)
                continue
            try:
                if fetched.code == OFFSET_OUT_OF_RANGE:
                    await self._leap_or_wait()
                    continue
                if fetched.code != NONE:
                    await asyncio.sleep(RETRY_S)
                    continue
                self._apply(fetched.data)
            except (batches.DamagedBatch, commands.UnknownCommand, UnknownSnapshot) as error:
                self._on_failure(f"the metadata in {self.topic} cannot be read on: {error}")
                return
            if self.next >= fetched.end:
                self._confirm_soon()

    def _confirm_soon(self) -> None:
        """Nothing more was there, unless this is the word of a leader that has been deposed."""
        if self._confirmation is None or self._confirmation.done():
            self._confirmation = self._loop.create_task(self._confirm(self._loop.time()))

    async def _confirm(self, read_s: float) -> None:
        with suppress(KafkaError):
            await self._cluster.confirm(self.topic)
            self.read_s = read_s
        with suppress(KafkaError):
            await self._cluster.refresh()

    async def _leap_or_wait(self) -> None:
        """The next command is gone, or the leader does not know yet that it is there."""
        with suppress(StoreUnavailable):
            if await self.leap():
                return
        await asyncio.sleep(RETRY_S)

    def _apply(self, data: bytes | memoryview) -> None:
        before = self.next
        for batch in batches.batches(data):
            for place, payload in enumerate(batches.payloads_of(batch).cut, batch.position):
                if place < self.next:
                    continue
                effect = self.state.apply(place, commands.decode(payload))
                self.next = place + 1
                self._on_effect(effect)
        if self.next != before:
            self._wake()

    def _wake(self) -> None:
        self._applied.set()
        self._applied = asyncio.Event()


def _note_answer(asked: asyncio.Task[int]) -> None:
    """Take notice of an error that nobody waits for any more."""
    if not asked.cancelled():
        asked.exception()
