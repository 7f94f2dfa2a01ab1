"""The code of functions on its way from one server's folder into data that several servers share.

Refuses to know how the data are moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from headwater.engine.large_values import described
from headwater.lambda_.functions.function import Function
from headwater.lambda_.functions.shared_code import CODE_KEY
from headwater.lambda_.functions.store import FUNCTION_KEY, decode_function
from headwater.storage.interface import Metadata


class MovedCode(NamedTuple):
    """Where the code of all functions is to be."""

    metadata: dict[str, Metadata]
    """With functions that refer to logs."""
    digests: dict[int, str]
    """By log: whose zip it is to have."""


def with_code_in_logs(
    metadata: Mapping[str, Metadata], new_log_id: Callable[[], int], now_ms: int
) -> MovedCode:
    """The metadata with a log for each zip that is in the folder alone. Raises `StoreUnreadable`."""
    made, sizes, logs = dict(metadata), dict[str, int](), dict[str, int]()
    for key, found in metadata.items():
        if not key.startswith(FUNCTION_KEY + "/"):
            continue
        function = decode_function(key, found.value)
        for version in function.versions:
            code = version.code
            if code.digest and not code.folder and not code.log_id and code.digest not in logs:
                logs[code.digest], sizes[code.digest] = new_log_id(), code.size
        made[key] = Metadata(found.version, msgspec.msgpack.encode(_referring(function, logs)))
    for digest, log_id in logs.items():
        made[f"{CODE_KEY}/{log_id}"] = Metadata(1, described(now_ms, sizes[digest]))
    return MovedCode(made, {log_id: digest for digest, log_id in logs.items()})


def _referring(function: Function, logs: Mapping[str, int]) -> Function:
    latest, *published = (
        msgspec.structs.replace(
            version,
            code=msgspec.structs.replace(
                version.code, log_id=version.code.log_id or logs.get(version.code.digest, 0)
            ),
        )
        for version in function.versions
    )
    return msgspec.structs.replace(function, latest=latest, published=tuple(published))
