"""The code of functions where several servers run them: kept with the streams, and unpacked where it runs.

A zip goes into the folder of the server that was given it, and into the store as a large value, under
`lambda-code/<log>`. A server that has to run it, or to show it, fetches it if it has it not. A server alone
has the folder only.

Refuses to know functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from functools import partial
from hashlib import sha256

import msgspec

from headwater.engine.engine import Engine
from headwater.engine.large_values import LargeValues
from headwater.lambda_.functions.code import CodeFolder
from headwater.lambda_.functions.function import Code
from headwater.lambda_.functions.invocation import FunctionUnavailable
from headwater.server.asyncio_bridge import finished
from headwater.storage.interface import IN_TIME_S, StoreUnavailable

CODE_KEY = "lambda-code"
NOT_THERE = "its code is not there: deploy it anew"


class SharedCode:
    """The code of all functions, as one server has it."""

    def __init__(self, engine: Engine, folder: CodeFolder) -> None:
        self._engine = engine
        self._folder = folder
        self._values = LargeValues(engine, CODE_KEY)
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._present: set[str] = set()
        """The digests of code that is in the folder."""

    async def keep(self, zipped: bytes, used: Iterable[Code]) -> Code:
        """Check, unpack and keep a zip, unless it is among the code that is `used`.

        Raises InvalidParameterValueException, RequestTooLargeException, `Overtaken` and `StoreUnavailable`.
        """
        code = await asyncio.to_thread(self._folder.keep, zipped)
        if not self._engine.lease.is_needed:
            return code
        logs = (each.log_id for each in used if each.log_id and each.digest == code.digest)
        log_id = next(filter(self._values.has, logs), 0)
        return msgspec.structs.replace(code, log_id=log_id or await finished(self._values.put(zipped)))

    def hold(
        self, codes: Iterable[Code], before: Collection[Code]
    ) -> tuple[dict[str, bytes], dict[str, int]]:
        """What a commit must write, and expect, by which something refers to code that it did not `before`.

        Raises `Overtaken`.
        """
        writes: dict[str, bytes] = {}
        expected: dict[str, int] = {}
        for log_id in {code.log_id for code in codes} - {code.log_id for code in before} - {0}:
            written, versions = self._values.hold(log_id)
            writes.update(written)
            expected.update(versions)
        return writes, expected

    async def fetch(self, code: Code, asked_s: float | None = None) -> None:
        """Have the code in the folder. Raises `FunctionUnavailable`.

        `asked_s`: since when a request waits, by the engine's stopwatch; what it does not get in time is
        fetched all the same, for the next one.
        """
        is_elsewhere = code.log_id or self._engine.lease.is_needed
        if code.folder or not is_elsewhere or code.digest in self._present:
            return
        task = self._fetching.get(code.digest)
        if task is None:
            task = self._fetching[code.digest] = asyncio.ensure_future(self._fetch(code))
            task.add_done_callback(partial(self._fetched, code.digest))
        left_s = None if asked_s is None else asked_s + IN_TIME_S - self._engine.stopwatch()
        await asyncio.wait((task,), timeout=left_s)
        if not task.done():
            raise FunctionUnavailable("the store has not given its code in time")
        await task

    def _fetched(self, digest: str, task: asyncio.Task[None]) -> None:
        del self._fetching[digest]
        if not task.cancelled():
            task.exception()  # whoever waits has it, and maybe nobody does any more

    async def _fetch(self, code: Code) -> None:
        if not await asyncio.to_thread(self._folder.has, code):
            try:
                zipped = await finished(self._values.get(code.log_id)) if code.log_id else None
            except StoreUnavailable as error:
                raise FunctionUnavailable(str(error)) from error
            if zipped is None or not await asyncio.to_thread(self._keep, zipped, code.digest):
                raise FunctionUnavailable(NOT_THERE)
        self._present.add(code.digest)

    def _keep(self, zipped: bytes, digest: str) -> bool:
        """Have it in the folder, if it is what it should be."""
        if sha256(zipped).hexdigest() != digest:
            return False
        self._folder.keep(zipped)
        return True

    def look_again(self) -> None:
        """Code may go from the folder."""
        self._present.clear()

    async def remove_unused(self, used: Callable[[], Iterable[Code]]) -> None:
        """Remove from the store what is not `used`, which is asked before each. Raises `StoreUnavailable`."""
        for log_id in list(self._values.old()):
            if all(code.log_id != log_id for code in used()):
                await finished(self._values.remove(log_id))
