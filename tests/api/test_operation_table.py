from __future__ import annotations

import inspect

from headwater.api import requests
from headwater.api.operation import OPERATIONS
from headwater.api.validation.api_model import api_model
from tests.tables import each

OFFERED = [name for name, operation in OPERATIONS.items() if operation.is_offered]


@each("name", OFFERED)
def test_an_operation_is_a_coroutine_of_an_engine_a_caller_and_its_own_request(name: str) -> None:
    handler = OPERATIONS[name].handler
    assert handler is not None
    assert inspect.iscoroutinefunction(handler)
    *_, request = inspect.signature(handler).parameters.values()
    shape = api_model().input_shape_name(name)
    assert [*inspect.signature(handler).parameters][:2] == ["engine", "caller"]
    assert request.annotation == f"requests.{shape}"
    assert getattr(requests, shape).__name__ == shape


def test_an_operation_that_is_not_offered_has_no_handler() -> None:
    assert [name for name, operation in OPERATIONS.items() if operation.handler is None] == [
        name for name in OPERATIONS if name not in OFFERED
    ]
