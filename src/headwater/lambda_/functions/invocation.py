"""The invocation of a function: the protocol between event source mappings and functions.

Rules:
- an invocation that reached the function has an `InvocationResult`, whether the
  function succeeded or not; its error is a value, not an exception;
- an invocation that did not reach the function raises `InvocationRefused`: nothing
  ran, and the same payload may be sent again.

Refuses to know where functions come from, and how they run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from headwater.model.caller import Caller

FunctionError = Literal["Handled", "Unhandled"]


@dataclass(frozen=True)
class FunctionReference:
    """A function, as it was named: with a version, an alias, or neither."""

    arn: str
    """In full; with `:qualifier` at its end exactly when the reference had one."""
    name: str
    qualifier: str | None
    role_arn: str
    """The execution role: `invokeIdentityArn` of the events that the function receives."""


@dataclass(frozen=True)
class InvocationResult:
    """The result of an invocation that reached the function."""

    payload: bytes
    """The returned document, as JSON; with an error, the one that describes it."""
    function_error: FunctionError | None
    executed_version: str
    request_id: str
    log_tail: bytes
    """The end of what the function wrote, 4 KiB at most."""
    status: int = 200


def always() -> bool:
    """An invocation may begin, whenever its function is ready."""
    return True


class InvocationRefused(Exception):
    """The function was not run."""


class FunctionNotFound(InvocationRefused):
    """There is no such function, version or alias (any more)."""


class FunctionThrottled(InvocationRefused):
    """The function has as many invocations at once as it may."""


class FunctionUnavailable(InvocationRefused):
    """The function cannot be run now: it is still being made, or its process does not start."""


class Invoker(Protocol):
    """Runs functions."""

    def resolve(self, caller: Caller, reference: str) -> FunctionReference:
        """The function that a name, a partial ARN or a full ARN names, each with a qualifier or without.

        `caller` tells the account and the region of a bare name. Raises `FunctionNotFound`.
        """

    async def invoke(
        self, function: FunctionReference, payload: bytes, may_begin: Callable[[], bool] = always
    ) -> InvocationResult:
        """Run the function once with `payload` as its event, and wait for its end.

        `may_begin` is asked in the moment in which the function would be given the event: to start its
        process takes time. A coroutine of asyncio's. Raises `InvocationRefused`.
        """
