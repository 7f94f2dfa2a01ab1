"""From a request's body to its struct, or to AWS's error: the one entry to validation.

Rules:
- a usual request is read by `request_types`; what that leaves is read again
  from the start, here: parsed, its types checked, then its constraints;
- of a request with very many values only what shows that it is wrong is read (`long_requests`);
- types first: the first wrong one ends it with a `SerializationException`;
- all broken constraints of a request are in one `ValidationException`, at most ten,
  in the order in which AWS looks at members (`constraint_failures`);
- what a request needs beyond the model (`needed_members`) is checked here, too;
  every other rule across members belongs to the operations.
"""

from __future__ import annotations

from typing import Any

from headwater.api.validation import request_types
from headwater.api.validation.api_model import api_model
from headwater.wire import json_format

WITH_RECORDS = frozenset({"PutRecords"})
"""Operations whose requests have many records."""


def accept(operation_name: str, body: bytes) -> Any:
    """The request in a JSON body, as a struct whose attributes are the API's member names.

    Raises `SerializationException` and `ValidationException` with AWS's texts.
    `operation_name` must be one of the model's.
    """
    request = _read(operation_name, body)
    if request is not None:
        return request
    if json_format.has_many_values(body):
        from headwater.api.validation.long_requests import beginning_of  # noqa: PLC0415 - for few requests

        return explained(operation_name, beginning_of(api_model().input_shape_name(operation_name), body))
    return explained(operation_name, json_format.decode(body))


def _read(operation_name: str, body: bytes) -> Any:
    if operation_name not in WITH_RECORDS:
        return request_types.read(operation_name, body)
    from headwater.api.validation import written_records  # noqa: PLC0415 - for the first who puts many

    return written_records.read(operation_name, body)


def accept_document(operation_name: str, document: dict[str, object]) -> Any:
    """The request in a decoded document, as `accept`.

    A blob is base64 text or `bytes`, a time a number of seconds or an `Instant`.
    """
    request = request_types.convert(operation_name, document)
    return explained(operation_name, document) if request is None else request


def explained(operation_name: str, document: dict[str, object]) -> Any:
    """The request in a document of any kind, read step by step, or what is wrong with it.

    Raises `SerializationException` and `ValidationException`.
    """
    from headwater.api.validation.explained import checked  # noqa: PLC0415 - usual requests need none of it

    shape_name = api_model().input_shape_name(operation_name)
    return request_types.build(shape_name, checked(shape_name, document))
