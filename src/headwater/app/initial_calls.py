"""Operations that a server calls itself before anybody else can: each is done when its answer is there.

Refuses to know what they are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import msgspec

from headwater.server.asyncio_bridge import finished

if TYPE_CHECKING:
    from headwater.engine.engine import Engine


@contextmanager
def without_transitions(engine: Engine) -> Iterator[None]:
    """Let what is created and updated in the block be at rest at once."""
    settings = engine.settings
    engine.settings = msgspec.structs.replace(settings, transition_ms=0)
    try:
        yield
    finally:
        engine.settings = settings


async def call(engine: Engine, operation: str, **members: Any) -> dict[str, Any]:
    """An operation's answer to the server's own account; members that are `None` are left out.

    Raises the operation's error.
    """
    from headwater.api.operation import OPERATIONS  # noqa: PLC0415 - few servers do this
    from headwater.api.validation.constraints import accept_document  # noqa: PLC0415 - as above

    handler = OPERATIONS[operation].handler
    assert handler is not None
    given = {name: value for name, value in members.items() if value is not None}
    answer = await finished(handler(engine, engine.home, accept_document(operation, given)))
    return cast("dict[str, Any]", answer or {})  # nothing that is called here waits or streams
