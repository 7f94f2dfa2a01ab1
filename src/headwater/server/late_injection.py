"""Fault injection as a server has it before the first rule: nothing but an empty table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.api.operation import Answered, Handler
from headwater.engine.engine import Engine
from headwater.model.caller import Caller

if TYPE_CHECKING:
    from headwater.engine.faults.faults import Rule
    from headwater.server.fault_injection import FaultInjection, Hold


class LateInjection:
    """The faults of one server. What it takes to make any is loaded by the first who asks."""

    def __init__(self, engine: Engine) -> None:
        self.rules: dict[int, Rule] = {}
        """As `Faults.rules`; nobody need ask further while it is empty."""
        self._engine = engine
        self._loaded: FaultInjection | None = None

    def loaded(self) -> FaultInjection:
        """The real one, over the same table."""
        if self._loaded is None:
            from headwater.engine.faults.faults import Faults  # noqa: PLC0415 - see above
            from headwater.server.fault_injection import FaultInjection  # noqa: PLC0415 - as above

            self._loaded = FaultInjection(Faults(self.rules), self._engine)
        return self._loaded

    async def run(self, name: str, handler: Handler, caller: Caller, request: Any, hold: Hold) -> Answered:
        """The operation's answer, as far as the faults let it through."""
        return await self.loaded().run(name, handler, caller, request, hold)

    def clear(self) -> None:
        """Take all rules away."""
        self.rules.clear()
