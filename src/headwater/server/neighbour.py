"""The protocol of neighbours: other services of AWS on the same port, and which requests are theirs.

A request that names an operation of Kinesis never comes here, so neighbours cost it nothing.
Every other one is offered to each neighbour in turn; what none takes is answered as Kinesis
answers what it does not know.

Rules:
- the service of a request is the one in its signature's scope; one without a signature has none,
  and is told by its path or host;
- a neighbour answers with whatever status, headers and body its service has; it raises nothing
  but faults of its own.

Refuses to know which neighbours there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.model.late_pattern import late_pattern
from headwater.server.access.authentication import TERMINATOR, presented_credential
from headwater.server.http.exchange import Answer, HttpRequest

ERROR_STATUS = 400
ERROR_TYPE = "x-amzn-errortype"
ERROR_BYTES_READ = 4096
"""An error's name and message stand at its beginning."""
_NAME = late_pattern(r"[A-Za-z][A-Za-z0-9_.]{0,127}")
_NAMED = late_pattern(r'"__type"\s*:\s*"([^"\\]{1,256})"|<Code>([^<]{1,128})</Code>')
_MESSAGE = late_pattern(r'"[Mm]essage"\s*:\s*"([^"\\]{1,1024})"|<Message>([^<]{1,1024})</Message>')


class Neighbour(Protocol):
    """A service, or several, with a way of its own to read requests."""

    def takes(self, request: HttpRequest, service: str) -> bool:
        """Whether the request is for it. `service` is that of the signature; empty without one."""

    def call_name(self, request: HttpRequest) -> str:
        """The name of the request in the log: `AWS lambda.Invoke`."""

    async def answer(self, request: HttpRequest, caller: Caller) -> Answer:
        """Answer a request that it takes. A coroutine of asyncio's."""

    def refuse(self, request: HttpRequest, error: KinesisError) -> Answer:
        """Word an error that was found before the request came to it, or instead of its answer."""

    async def reset(self) -> None:
        """Forget everything."""

    async def close(self) -> None:
        """The server stops: end what is under way."""


def service_of(request: HttpRequest) -> str:
    """The service that a request is signed for, by its header or its query; empty when it is not signed."""
    *_, service, terminator = ["", "", *presented_credential(request).split("/")]
    is_service = service.isascii() and service.replace("-", "").isalnum() and service == service.lower()
    return service if terminator == TERMINATOR and is_service else ""


def error_of(answer: Answer) -> tuple[str, str | None]:
    """The name of the error that an answer tells, and its message, as the log has them; empty without one.

    The name is in a header, or in the body: `__type` in JSON, `Code` in XML.
    """
    if answer.status < ERROR_STATUS:
        return "", None
    body = answer.body[:ERROR_BYTES_READ].decode("utf-8", "replace")
    in_header = next((value for name, value in answer.fields if name.lower() == ERROR_TYPE), "")
    in_body = _NAMED.search(body)
    named = in_header.partition(":")[0] or ("" if in_body is None else in_body[1] or in_body[2])
    name = named.rpartition("#")[2]
    message = _MESSAGE.search(body)
    if not _NAME.fullmatch(name):
        return "", None
    return name, None if message is None else message[1] or message[2]


class Forgetful(Protocol):
    """What can be reset."""

    async def reset(self) -> None:
        """Forget everything."""


async def reset_all(neighbours: Sequence[Forgetful]) -> None:
    """Let all forget, one after another; the first fault ends it."""
    for neighbour in neighbours:
        await neighbour.reset()
