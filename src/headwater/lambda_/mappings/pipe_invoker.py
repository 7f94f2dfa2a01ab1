"""Functions, and pipes in the place of functions: what event source mappings invoke.

A pipe of EventBridge reads a stream as a mapping does, by the same poller. It is named by its ARN where a
mapping names a function, and a batch goes to whoever runs pipes.

Refuses to know what a pipe does with a batch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from headwater.lambda_.functions.invocation import FunctionReference, InvocationResult, Invoker, always
from headwater.model.caller import Caller

RunPipe: TypeAlias = Callable[[str, bytes], Awaitable[tuple[bytes, bool]]]
"""Takes a pipe's ARN and an event; gives what came of it, and whether that is an error.

Raises `InvocationRefused` when there is no such pipe.
"""

PIPE = ":pipes:"
LATEST = "$LATEST"


def is_pipe(arn: str) -> bool:
    """Whether a mapping's function is a pipe."""
    return PIPE in arn


class PipeInvoker:
    """An `Invoker` of both."""

    def __init__(self, functions: Invoker, run_pipe: RunPipe, new_uuid: Callable[[], str]) -> None:
        self._functions = functions
        self._run_pipe = run_pipe
        self._new_uuid = new_uuid

    def resolve(self, caller: Caller, reference: str) -> FunctionReference:
        """See `Invoker`. A pipe is there as long as its mapping is."""
        if is_pipe(reference):
            name = reference.rpartition("/")[2]
            return FunctionReference(reference, name, None, f"arn:aws:iam::{caller.account_id}:role/{name}")
        return self._functions.resolve(caller, reference)

    async def invoke(
        self, function: FunctionReference, payload: bytes, may_begin: Callable[[], bool] = always
    ) -> InvocationResult:
        """See `Invoker`. A pipe begins at once."""
        if not is_pipe(function.arn):
            return await self._functions.invoke(function, payload, may_begin)
        said, is_error = await self._run_pipe(function.arn, payload)
        error = "Unhandled" if is_error else None
        return InvocationResult(said, error, LATEST, self._new_uuid(), b"")  # type: ignore[arg-type]
