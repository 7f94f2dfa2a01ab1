"""The routes for faults: add, list and remove rules, and end what is open now.

What is asked for is a fault as `engine/faults` has it; one that makes no sense is
refused with the reason.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import msgspec

from headwater.engine.faults.faults import AnyFault, EndOpenSubscriptions, Rule
from headwater.server.admin import Methods, RouteSet
from headwater.server.fault_injection import FaultInjection
from headwater.server.refused import Refused
from headwater.wire.json_format import UNREADABLE

RULES_MAX = 1000
_NUMBER_DIGITS_MAX = 18


def fault_routes(injection: FaultInjection) -> RouteSet:
    """The routes for the faults of one server."""
    actions = _FaultActions(injection)
    return RouteSet(
        routes={b"faults": {b"GET": actions.show_all, b"POST": actions.add, b"DELETE": actions.clear}},
        items={b"faults": actions.of_rule},
        reset=injection.faults.clear,
    )


@cache
def _decoder() -> msgspec.json.Decoder[AnyFault]:
    return msgspec.json.Decoder(AnyFault)


class _FaultActions:
    def __init__(self, injection: FaultInjection) -> None:
        self._injection = injection
        self._faults = injection.faults

    async def show_all(self, _body: bytes) -> dict[str, Any]:
        return {"faults": [rule.document() for rule in self._faults.rules.values()]}

    async def add(self, body: bytes) -> dict[str, Any]:
        from headwater.api.fault_checks import WrongFault, checked  # noqa: PLC0415 - few servers are asked

        try:
            fault, operations = checked(_decoder().decode(body))
        except (*UNREADABLE, WrongFault) as error:
            raise Refused(400, f"That is no fault: {error}") from None
        if isinstance(fault, EndOpenSubscriptions):
            return {"ended": self._injection.end_open_subscriptions(fault, operations)}
        if len(self._faults.rules) >= RULES_MAX:
            raise Refused(409, f"There are {RULES_MAX} faults already: remove some.")
        return self._faults.add(fault, operations).document()

    async def clear(self, _body: bytes) -> dict[str, Any]:
        return {"removed": self._faults.clear()}

    def of_rule(self, name: str) -> Methods:
        return {b"GET": partial(self._show, name), b"DELETE": partial(self._remove, name)}

    async def _show(self, name: str, _body: bytes) -> dict[str, Any]:
        return self._rule(name).document()

    async def _remove(self, name: str, _body: bytes) -> dict[str, Any]:
        rule = self._rule(name)
        self._faults.remove(rule.number)
        return rule.document()

    def _rule(self, name: str) -> Rule:
        is_number = name.isascii() and name.isdecimal() and len(name) <= _NUMBER_DIGITS_MAX
        rule = self._faults.rules.get(int(name)) if is_number else None
        if rule is None:
            raise Refused(404, f"There is no fault {name}.")
        return rule
