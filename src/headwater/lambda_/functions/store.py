"""Functions, kept in the store with the streams.

Key: `lambda-function/<account>/<region>/<name>`. What is shown is what was committed, here or by another
server; a change is committed as one of the value that is known here.

Refuses to know what a function is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec

from headwater.engine.engine import Engine
from headwater.engine.held_versions import NO_WRITES, NOTHING, HeldVersions, Overtaken
from headwater.lambda_.functions.function import Function, FunctionId
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import Metadata, StoreUnreadable

FUNCTION_KEY = "lambda-function"
_decoder = msgspec.msgpack.Decoder(Function)


def decode_function(key: str, value: bytes) -> Function:
    """The function that a key has. Raises `StoreUnreadable`."""
    try:
        function = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreUnreadable(f"The function of key {key!r} cannot be read: {error}") from error
    if _key(function.id) != key:
        raise StoreUnreadable(f"The function of key {key!r} is another one: {function.id.arn}")
    return function


class FunctionStore:
    """The functions of all accounts and regions."""

    def __init__(self, engine: Engine, on_told: Callable[[], None]) -> None:
        """`on_told` is called when another server has changed a function."""
        self._on_told = on_told
        self._versions = HeldVersions(engine)
        self._functions: dict[FunctionId, Function] = {}

    def open(self) -> None:
        """Find everything that the store holds. Call once, first. Raises `StoreUnreadable`."""
        self._versions.open((FUNCTION_KEY,), self._hold, self._take_over)

    def functions(self) -> list[Function]:
        """Every function, in the order of their ids."""
        return [self._functions[key] for key in sorted(self._functions)]

    def find(self, key: FunctionId) -> Function | None:
        """The function of this id."""
        return self._functions.get(key)

    async def keep(
        self,
        function: Function,
        also: Mapping[str, bytes] = NO_WRITES,
        expected: Mapping[str, int] = NOTHING,
    ) -> None:
        """Keep a new function, or a new value of one; `also` is written with it if `expected` holds.

        Raises `Overtaken` and `StoreUnavailable`.
        """
        await finished(self._keep(function, also, expected))

    async def remove(self, key: FunctionId) -> None:
        """Forget a function. Raises `Overtaken` and `StoreUnavailable`."""
        if key in self._functions:
            await finished(self._remove(key))

    async def remove_all(self) -> None:
        """Forget every function. Raises `StoreUnavailable`."""
        for key in list(self._functions):
            while key in self._functions:
                with suppress(Overtaken):
                    await self.remove(key)

    async def _keep(self, function: Function, also: Mapping[str, bytes], expected: Mapping[str, int]) -> None:
        await self._versions.commit({_key(function.id): msgspec.msgpack.encode(function)}, also, expected)
        self._functions[function.id] = function

    async def _remove(self, key: FunctionId) -> None:
        await self._versions.commit({_key(key): None})
        self._functions.pop(key, None)

    def _take_over(self, key: str, found: Metadata | None) -> None:
        """Hold what another server has made of a key. Raises `StoreUnreadable`."""
        self._hold(key, found)
        self._on_told()

    def _hold(self, key: str, found: Metadata | None) -> None:
        self._versions.hold(key, found)
        if found is None:
            self._functions.pop(FunctionId(*key.split("/")[1:]), None)
        else:
            function = decode_function(key, found.value)
            self._functions[function.id] = function


def _key(key: FunctionId) -> str:
    return "/".join((FUNCTION_KEY, *key))
