"""Functions, kept in the store with the streams.

Key: `lambda-function/<account>/<region>/<name>`. What is shown is what was committed.

Refuses to know what a function is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from headwater.engine.engine import Engine
from headwater.lambda_.functions.function import Function, FunctionId
from headwater.model.completion import Completion
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import StoreUnavailable, StoreUnreadable

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

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._functions: dict[FunctionId, Function] = {}

    def open(self) -> None:
        """Find everything that the store holds. Call once, first. Raises `StoreUnreadable`."""
        for key, value in self._engine.metadata_of(FUNCTION_KEY):
            function = decode_function(key, value)
            self._functions[function.id] = function

    def functions(self) -> list[Function]:
        """Every function, in the order of their ids."""
        return [self._functions[key] for key in sorted(self._functions)]

    def find(self, key: FunctionId) -> Function | None:
        """The function of this id."""
        return self._functions.get(key)

    async def keep(self, function: Function) -> None:
        """Keep a new function, or a new value of one. It is seen at once, and undone if it cannot be kept."""
        before = self._functions.get(function.id)
        self._functions[function.id] = function
        write = {_key(function.id): msgspec.msgpack.encode(function)}
        await self._commit(write, lambda: self._restore(function.id, before))

    async def remove(self, key: FunctionId) -> None:
        """Forget a function."""
        before = self._functions.pop(key, None)
        if before is not None:
            await self._commit({_key(key): None}, lambda: self._restore(key, before))

    async def remove_all(self) -> None:
        """Forget every function."""
        for key in list(self._functions):
            await self.remove(key)

    async def _commit(self, writes: Mapping[str, bytes | None], undo: Callable[[], None]) -> None:
        try:
            await finished(_committed(self._engine.write_metadata(writes)))
        except StoreUnavailable:
            undo()
            raise

    def _restore(self, key: FunctionId, before: Function | None) -> None:
        if before is None:
            self._functions.pop(key, None)
        else:
            self._functions[key] = before


async def _committed(commit: Completion[bool]) -> None:
    await commit


def _key(key: FunctionId) -> str:
    return "/".join((FUNCTION_KEY, *key))
