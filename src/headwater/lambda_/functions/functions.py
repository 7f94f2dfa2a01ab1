"""Functions: what there is of them, and how they are run.

Rules:
- a function is found by account, region and name; a qualifier is a version or an alias, and an
  alias with weights chooses a version for each invocation;
- a change of a function retires the processes that run what it was;
- what is invoked while it is not Active, or not there, does not run: an `InvocationRefused`.

Refuses to know HTTP and the documents of the API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from headwater.engine.engine import Engine
from headwater.lambda_.api.errors import LambdaError
from headwater.lambda_.functions.code import CodeFolder
from headwater.lambda_.functions.code_folder_watch import CodeFolderWatch
from headwater.lambda_.functions.environments import Environments, Place
from headwater.lambda_.functions.execution_environment import EnvironmentContext, ExecutionEnvironment
from headwater.lambda_.functions.function import (
    Alias,
    Code,
    Function,
    FunctionId,
    Version,
    function_id_of,
)
from headwater.lambda_.functions.invocation import (
    FunctionNotFound,
    FunctionReference,
    FunctionThrottled,
    FunctionUnavailable,
    InvocationResult,
    always,
)
from headwater.lambda_.functions.log import FunctionLogs
from headwater.lambda_.functions.metrics import FunctionMetrics, MetricTarget
from headwater.lambda_.functions.name import NamedFunction, read_name
from headwater.lambda_.functions.process_keeper import ProcessKeeper
from headwater.lambda_.functions.runtime_api import InvocationEvent
from headwater.lambda_.functions.runtimes import CLIENTS, Runtimes
from headwater.lambda_.functions.shared_code import SharedCode
from headwater.lambda_.functions.store import FunctionStore
from headwater.lambda_.functions.variables import FunctionCredentials, variables_of
from headwater.model.caller import Caller
from headwater.model.clock import Clock
from headwater.storage.interface import StoreUnavailable

SWEEP_MS = 60_000
"""After so long it is looked for code in the shared data that nothing refers to."""


@dataclass(frozen=True)
class FunctionSettings:
    """The settings of functions."""

    concurrency: int
    """How many invocations may be under way at once."""
    code_folder: Path
    endpoint_url: Callable[[], str]
    """Where functions find this server."""
    credentials_of: Callable[[str], FunctionCredentials]
    """Gives the key with which the functions of an account sign."""
    search_path: str
    """Where commands of functions are looked for, as in PATH."""
    home: Path
    interpreters: Mapping[str, Path]
    """By runtime: those that whoever runs the server has named."""
    may_create: bool
    """Whether callers are known, or on this machine, so that they may give code to run."""
    callers_are_known: bool = False
    """Whether callers are who they say, so that accounts are kept apart."""


class NamedVersion(NamedTuple):
    """A version of a function, and the ARN by which it was named."""

    function: Function
    version: Version
    arn: str


class FunctionPending(FunctionUnavailable):
    """The function is still being made."""


class Functions:
    """The functions of a server. `open` it in a running loop, `close` it before the engine."""

    def __init__(
        self,
        engine: Engine,
        settings: FunctionSettings,
        clock: Clock,
        log: Callable[[str, str], None],
        new_uuid: Callable[[], str],
        metrics: FunctionMetrics,
    ) -> None:
        """`clock` is the machine's; `log` writes a line in the server's log, at a level."""
        self.engine = engine
        self.settings = settings
        self.new_uuid = new_uuid
        self.log = log
        self.metrics = metrics
        self.store = FunctionStore(engine, self._on_told)
        self.code = CodeFolder(settings.code_folder)
        self.shared_code = SharedCode(engine, self.code)
        self.runtimes = Runtimes(settings.search_path, settings.home, settings.interpreters)
        self.logs = FunctionLogs(log, clock.now_ms)
        self._clock = clock
        self._keeper = ProcessKeeper()
        self._context = EnvironmentContext(clock, self._keeper)
        self._watch = CodeFolderWatch()
        self._random = Random()  # noqa: S311 - it chooses between versions
        self._environments = Environments(
            settings.concurrency, self._new_environment, self._is_current, self._on_begin
        )
        self._known_runtimes: set[str] = set()
        self._before_close: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._next_sweep_ms = engine.now_ms() + SWEEP_MS
        self._sweeping: asyncio.Task[None] | None = None
        self._unwatch: Callable[[], None] | None = None

    def open(self) -> None:
        """Find the functions that are kept."""
        self.store.open()
        if self.engine.lease.is_needed:
            self.at_close(self._end_sweeping)
            self._unwatch = self.engine.watch_time(self._on_tick)

    def at_close(self, end: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have something ended before the processes are."""
        self._before_close.append(end)

    async def close(self) -> None:
        """End every process."""
        for end in self._before_close:
            await end()
        await self._environments.close()
        self._keeper.close()

    async def reset(self) -> None:
        """Forget every function and its log."""
        await self.store.remove_all()
        await self._environments.end_all()
        self.logs.forget()
        await self._remove_unused_code()

    def now_ms(self) -> int:
        """The time by which functions become active."""
        return self.engine.now_ms()

    def due_ms(self) -> int:
        """When a transition that begins now ends."""
        return self.engine.now_ms() + self.engine.settings.transition_ms

    # What there is

    def find(self, named: NamedFunction) -> NamedVersion | None:
        """The version that is named, an alias's own version, or `$LATEST`."""
        function = self.store.find(named.id)
        if function is None:
            return None
        qualifier = named.qualifier
        if not qualifier:
            return NamedVersion(function, function.latest, function.arn)
        alias = function.aliases.get(qualifier)
        version = function.version(alias.version if alias else qualifier)
        return NamedVersion(function, version, f"{function.arn}:{qualifier}") if version else None

    async def keep(self, function: Function) -> None:
        """Keep a new value of a function, by which it runs from now on. Raises `Overtaken`."""
        before = self.store.find(function.id)
        await self.store.keep(function, *self.shared_code.hold(_codes_of(function), _codes_of(before)))
        await self._changed()

    async def remove(self, key: FunctionId) -> None:
        """Forget a function. Raises `Overtaken`."""
        await self.store.remove(key)
        await self._changed()

    async def _changed(self) -> None:
        self._environments.retire()
        if self._environments.are_quiet:
            await self._remove_unused_code()

    async def _remove_unused_code(self) -> None:
        self.shared_code.look_again()
        await asyncio.to_thread(self.code.remove_unused, self._used_code())

    # Code

    async def keep_code(self, zipped: bytes) -> Code:
        """Check and keep a zip. Raises InvalidParameterValueException and RequestTooLargeException."""
        return await self.shared_code.keep(zipped, self._used_code())

    async def zip_of(self, digest: str) -> bytes | None:
        """The zip of this digest as it was given."""
        for code in self._used_code():
            if code.digest == digest:
                with suppress(FunctionUnavailable):
                    await self.shared_code.fetch(code)
                return self.code.zip_of(digest)
        return None

    def _used_code(self) -> list[Code]:
        return [code for function in self.store.functions() for code in _codes_of(function)]

    # Other servers

    def _on_told(self) -> None:
        """Another server has changed a function."""
        self._environments.retire()

    def _on_tick(self, now_ms: int) -> None:
        """The code goes that nothing refers to any more, here and, by one server, in the store."""
        is_under_way = self._sweeping is not None and not self._sweeping.done()
        if now_ms >= self._next_sweep_ms and not is_under_way:
            self._next_sweep_ms = now_ms + SWEEP_MS
            self._sweeping = asyncio.ensure_future(self._sweep())

    async def _sweep(self) -> None:
        if self._environments.are_quiet:
            await self._remove_unused_code()
        if not self.engine.lease.is_held:
            return
        try:
            await self.shared_code.remove_unused(self._used_code)
        except StoreUnavailable as error:
            self.log("warning", f"code of functions that is not used any more is left: {error}")

    async def _end_sweeping(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
        if self._sweeping is not None:
            self._sweeping.cancel()

    # Invoking

    def resolve(self, caller: Caller, reference: str) -> FunctionReference:
        """See `invocation.Invoker`. Raises FunctionNotFound."""
        named = read_name(reference, caller)
        chosen = self.find(named) if named else None
        if named is None or chosen is None:
            raise FunctionNotFound(reference)
        return FunctionReference(chosen.arn, named.id.name, named.qualifier, chosen.version.role_arn)

    async def invoke(
        self, function: FunctionReference, payload: bytes, may_begin: Callable[[], bool] = always
    ) -> InvocationResult:
        """See `invocation.Invoker`. Raises FunctionNotFound."""
        chosen = self.find(NamedFunction(function_id_of(function.arn), function.qualifier))
        if chosen is None:
            raise FunctionNotFound(function.arn)
        return await self.run(chosen, payload, self.new_uuid(), may_begin=may_begin)

    async def run(
        self,
        chosen: NamedVersion,
        payload: bytes,
        request_id: str,
        client_context: str | None = None,
        asked_s: float | None = None,
        *,
        may_begin: Callable[[], bool] = always,
    ) -> InvocationResult:
        """Run a version once, and wait for its end. Raises `InvocationRefused` and FunctionPending.

        `may_begin`: see `invocation.Invoker`.
        `asked_s`: since when a request waits, by the engine's stopwatch, which waits for the store no longer
        than requests do.
        """
        function, version, arn = chosen
        version = self._routed(function, version, arn)
        if not version.is_active(self.now_ms()):
            raise FunctionPending("the function is Pending")
        state = await self._watch.state(version.code.folder) if version.code.folder else ""
        await self.shared_code.fetch(version.code, asked_s)
        await self._know_launch(version.runtime)
        event = InvocationEvent(request_id, payload, 0, arn, client_context, may_begin)
        target = target_of(chosen, version)
        began_ms = self.now_ms()
        try:
            ended = await self._environments.run(function, version, version.generation + state, event)
        except FunctionThrottled:
            self.metrics.throttled(target)
            raise
        self.metrics.invoked(target, began_ms, ended.duration_ms, is_error=ended.is_error)
        return InvocationResult(
            ended.payload,
            "Unhandled" if ended.is_error else None,
            version.version,
            request_id,
            ended.log_tail,
        )

    def _on_begin(self, function: FunctionId) -> None:
        self.metrics.began(function, *self._environments.under_way(function))

    def _routed(self, function: Function, version: Version, arn: str) -> Version:
        """The version that an alias gives this invocation to."""
        alias: Alias | None = function.aliases.get(arn.removeprefix(function.arn + ":"))
        if alias is None or not alias.weights:
            return version
        chance = self._random.random()
        for name, weight in alias.weights.items():
            chance -= weight
            if chance < 0:
                return function.version(name) or version
        return version

    async def _know_launch(self, runtime: str) -> None:
        if runtime in self._known_runtimes:
            return
        try:
            await asyncio.to_thread(self.runtimes.launch, runtime)
        except LambdaError as error:  # it was there when the function was made
            raise FunctionUnavailable(error.message) from error
        self._known_runtimes.add(runtime)

    # Environments

    def _is_current(self, place: Place) -> bool:
        function = self.store.find(place.function)
        version = function.version(place.version) if function else None
        if version is None:
            return False
        folder = version.code.folder
        return place.generation == version.generation + (self._watch.last_state(folder) if folder else "")

    def _new_environment(
        self, function: Function, version: Version, on_spent: Callable[[ExecutionEnvironment], None]
    ) -> ExecutionEnvironment:
        folder = self.code.folder_of(version.code)
        launch = self.runtimes.launch(version.runtime)
        command = launch.command or (str(folder / "bootstrap"),)
        if launch.takes_handler:
            command = (*command, version.handler)
        variables = variables_of(
            function,
            version,
            task_root=str(folder),
            endpoint_url=self.settings.endpoint_url(),
            credentials=self.settings.credentials_of(function.account_id),
            search_path=self.settings.search_path,
            runtime_folder=str(CLIENTS),
            now_ms=self._clock.now_ms(),
            stream_id=self.new_uuid().replace("-", ""),
        )
        return ExecutionEnvironment(
            self._context,
            version,
            command,
            variables,
            folder,
            lambda text: self.logs.add(function.id, text),
            on_spent,
        )


def _codes_of(function: Function | None) -> list[Code]:
    return [version.code for version in function.versions] if function else []


def target_of(chosen: NamedVersion, executed: Version) -> MetricTarget:
    """The metric target of an invocation that runs this version."""
    function, _, arn = chosen
    qualifier = arn.removeprefix(function.arn).removeprefix(":") or None
    return MetricTarget(function.id, qualifier, executed.version if qualifier in function.aliases else None)
