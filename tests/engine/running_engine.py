"""An engine without a server: calls run to their end on the test's own thread and clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from typing import Any

from headwater.api.held_answer import HeldAnswer
from headwater.api.operation import OPERATIONS
from headwater.api.streamed_answer import StreamedAnswer
from headwater.api.validation.constraints import accept
from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.model.caller import Caller
from headwater.model.clock import ManualClock
from headwater.model.completion import drive
from headwater.model.record_list import QueueRecordList
from headwater.storage.interface import Post, Store, StoreUnavailable
from headwater.wire.json_format import encode
from tests.storage.inbox import Inbox

CALLER = Caller("123456789012", "eu-central-1")


class RunningEngine:
    """Calls operations as the server does, minus HTTP."""

    def __init__(
        self,
        open_store: Callable[[Post], Store],
        clock: ManualClock,
        transition_ms: int = 0,
        seed: int = 0,
        *,
        enforce_limits: bool = False,
        resubscribe_at_once: bool = False,
        shard_limit: int = 20_000,
        on_demand_stream_limit: int = 50,
    ) -> None:
        self.clock = clock
        self.inbox = Inbox()
        self._open_store = open_store
        self._settings = Settings(
            transition_ms=transition_ms,
            enforce_limits=enforce_limits,
            resubscribe_at_once=resubscribe_at_once,
            shard_limit=shard_limit,
            on_demand_stream_limit=on_demand_stream_limit,
        )
        self._random = Random(seed)
        self.engine = self._open()

    def call(self, operation: str, caller: Caller = CALLER, **members: Any) -> dict[str, Any]:
        """The answer of an operation; raises what it raises."""
        handler = OPERATIONS[operation].handler
        assert handler is not None
        request = accept(operation, encode(members))
        answer = self.inbox.run(handler(self.engine, caller, request))
        if isinstance(answer, HeldAnswer):
            answer = self._waited(answer)
        assert not isinstance(answer, StreamedAnswer), "a stream of events is the test's own to start"
        members = dict(answer or {})
        if isinstance(received := members.get("QueueRecords"), QueueRecordList):
            members["QueueRecords"] = received.documents()
        return members

    def begin(self, operation: str, **members: Any) -> list[tuple[Any, BaseException | None]]:
        """Begin a call; what it comes to, and its error, are in the list once the store has done its part."""
        handler = OPERATIONS[operation].handler
        assert handler is not None
        outcome: list[tuple[Any, BaseException | None]] = []
        request = accept(operation, encode(members))
        drive(handler(self.engine, CALLER, request), lambda *ended: outcome.append(ended))
        return outcome

    def _waited(self, held: HeldAnswer) -> Mapping[str, object]:
        """The answer of a call that waits; time passes until it is there."""
        outcome: list[tuple[Mapping[str, object] | None, BaseException | None]] = []
        drive(held.answered(), lambda *ended: outcome.append(ended))
        self._settle_store()
        while not outcome:
            self.clock.advance_ms(1000)
            self.engine.tick()
            self._settle_store()
        answer, error = outcome[0]
        if error is not None:
            raise error
        assert answer is not None
        return answer

    def _settle_store(self) -> None:
        """Let the store finish what it was told before."""
        with suppress(StoreUnavailable):
            self.inbox.run(self.engine.write_metadata({}))

    def restart(self) -> None:
        """Close the engine and its store, and open them again."""
        self.close()
        self.engine = self._open()

    def close(self) -> None:
        """Close the engine and its store."""
        self.inbox.run_posted()
        self.engine.close()
        self.inbox.run_posted()

    def _open(self) -> Engine:
        engine = Engine(
            self._open_store(self.inbox),
            self.clock,
            self._settings,
            self._random.randbytes,
        )
        engine.open()
        return engine
