"""The neighbouring services as one `Neighbour` of the server, by moto or another server.

Rules:
- requests for services of Headwater's own never come here: their neighbours stand before this one;
- one service's requests never wait for another's;
- whatever a provider answers is passed on whole, but for the headers that the server writes itself;
  a header that could end early (a line break in it) is left out.

Refuses to know how the services are provided.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from headwater.engine.encryption_key import KeyState
from headwater.model.caller import Caller
from headwater.model.errors import KinesisError
from headwater.neighbours.requests import changing_action, operation_of, refusal, service_for
from headwater.server.http.exchange import Answer, Fields, HttpRequest
from headwater.server.neighbour import service_of
from headwater.wire.error_format import error_document

OWN_FIELDS = frozenset(
    {"connection", "date", "keep-alive", "server", "transfer-encoding", "x-amzn-requestid", "x-amz-id-2"}
)
"""What the server itself says of every answer, or what holds for one connection only."""
CONTENT_LENGTH = "content-length"
CROSS_ORIGIN = "access-control-"
"""Which pages may read an answer is the server's to say, and only once."""


class Provider(Protocol):
    """The provider of all services."""

    async def answer(self, request: HttpRequest, service: str, caller: Caller) -> Answer:
        """Answer a request for a service."""

    async def reset(self) -> None:
        """Forget everything."""

    async def close(self) -> None:
        """The server stops."""


@runtime_checkable
class KeyKeeper(Protocol):
    """A provider that knows how the keys of its KMS are."""

    def key_state(self, caller: Caller, key_id: str) -> KeyState | None:
        """How a key is; `None`: it has no keys there."""


@runtime_checkable
class StateKeeper(Protocol):
    """A provider whose state outlives the server."""

    def open_if_kept(self) -> None:
        """Have what is kept at once. Call in the running loop."""


@runtime_checkable
class ChangeKeeper(Protocol):
    """A provider that can say when a change survives a sudden end."""

    async def keep(self) -> None:
        """Return once every change so far does, if any is kept. Raises OSError."""


@runtime_checkable
class PipeRunner(Protocol):
    """A provider that has pipes."""

    async def run_pipe(self, arn: str, event: bytes) -> tuple[bytes, bool] | None:
        """Take a batch through a pipe: what came of it, and whether it is an error; `None`: no such pipe."""


class Services:
    """Everything that is neither Kinesis nor another neighbour's."""

    def __init__(
        self, provider: Provider, *, is_provided: bool = True, callers_are_known: bool = False
    ) -> None:
        """Without anybody who provides them, only what says its service is taken, to be refused.

        `callers_are_known`: signatures have been verified before a request comes here.
        """
        self._provider = provider
        self._callers_are_known = callers_are_known
        self._is_provided = is_provided

    def open_if_kept(self) -> None:
        """Have what is kept of the services at once, without a request. Call in the running loop."""
        if isinstance(self._provider, StateKeeper):
            self._provider.open_if_kept()

    async def run_pipe(self, arn: str, event: bytes) -> tuple[bytes, bool] | None:
        """Take a batch through a pipe: what came of it, and whether it is an error; `None`: no such pipe."""
        runner = self._provider
        return await runner.run_pipe(arn, event) if isinstance(runner, PipeRunner) else None

    async def ask(self, request: HttpRequest, service: str, caller: Caller) -> Answer:
        """The answer of a service to a part of this server."""
        return await self._provider.answer(request, service, caller)

    async def keep(self) -> None:
        """Return once every change so far survives a sudden end, if any is kept. Raises OSError."""
        if isinstance(self._provider, ChangeKeeper):
            await self._provider.keep()

    def takes(self, request: HttpRequest, service: str) -> bool:
        """Whether a request is for a neighbouring service."""
        if self._is_provided or service or b"x-amz-target" in request.headers:
            return bool(service_for(request, service))
        return False

    def call_name(self, request: HttpRequest) -> str:
        """As in `AWS dynamodb.PutItem`, or `AWS s3.PUT /bucket/key`."""
        return f"AWS {_service(request)}.{operation_of(request)}"

    async def answer(self, request: HttpRequest, caller: Caller) -> Answer:
        """The answer of the provider."""
        service = _service(request)
        action = "" if self._callers_are_known else changing_action(request, service)
        if action:
            text = f"A GET may not ask for {action[:128]}, which changes something: send it by POST."
            return refusal(request, service, 405, "MethodNotAllowed", text)
        answer = await self._provider.answer(request, service, caller)
        return answer._replace(fields=passed_on(answer.fields, request.method))

    def refuse(self, request: HttpRequest, error: KinesisError) -> Answer:
        """An error in the form that the service's clients read."""
        status, document = error_document(error)
        text = document.get("message") or document.get("Message") or "The neighbour failed."
        return refusal(request, _service(request), status, error.code, text)

    def key_state(self, caller: Caller, key_id: str) -> KeyState | None:
        """How a key of the provider's KMS is; `None`: it knows of none."""
        keeper = self._provider
        return keeper.key_state(caller, key_id) if isinstance(keeper, KeyKeeper) else None

    async def reset(self) -> None:
        """Forget everything."""
        await self._provider.reset()

    async def close(self) -> None:
        """The server stops."""
        await self._provider.close()


def passed_on(fields: Fields, method: bytes) -> Fields:
    """The headers that go on to the client. Only the answer to a HEAD says how long a body would be."""
    dropped = OWN_FIELDS if method == b"HEAD" else OWN_FIELDS | {CONTENT_LENGTH}
    return tuple(
        (name, value)
        for name, value in fields
        if name.lower() not in dropped
        and not name.lower().startswith(CROSS_ORIGIN)
        and not any(end in name + value for end in "\r\n\0")
    )


def _service(request: HttpRequest) -> str:
    return service_for(request, service_of(request))
