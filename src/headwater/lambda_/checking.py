"""Holds what a store has of functions and mappings against what can be read and run.

Nothing is changed, and nothing needs a running server. Refuses to know streams and records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from headwater.engine.engine import Engine
from headwater.engine.large_values import LargeValues
from headwater.lambda_.functions.code import CodeFolder
from headwater.lambda_.functions.function import Code
from headwater.lambda_.functions.shared_code import CODE_KEY
from headwater.lambda_.functions.store import FUNCTION_KEY, decode_function
from headwater.lambda_.mappings.store import (
    MAPPING_KEY,
    PROGRESS_KEY,
    TURN_KEY,
    decode_mapping,
    decode_progress,
)
from headwater.storage.interface import Metadata, StoreUnreadable

KINDS = (FUNCTION_KEY, MAPPING_KEY, PROGRESS_KEY, TURN_KEY, CODE_KEY)
"""How the keys begin."""


def check_lambda(metadata: Mapping[str, Metadata]) -> Iterator[str]:
    """Every value that cannot be read, and progress of mappings that there are not, in plain words."""
    uuids = {key.partition("/")[2] for key in metadata if key.startswith(MAPPING_KEY + "/")}
    for key, (_, value) in metadata.items():
        kind, _, rest = key.partition("/")
        try:
            if kind == FUNCTION_KEY:
                decode_function(key, value)
            elif kind == MAPPING_KEY:
                decode_mapping(key, value)
            elif kind == PROGRESS_KEY:
                decode_progress(key, value)
                if rest.partition("/")[0] not in uuids:
                    yield f"key {key!r} is progress of an event source mapping that there is not"
        except StoreUnreadable as error:
            yield str(error)


def without_code(metadata: Mapping[str, Metadata], code_folder: Path) -> Iterator[str]:
    """Every version of a function whose code is missing or is not what was given, in plain words."""
    codes = CodeFolder(code_folder)
    for key, (_, value) in metadata.items():
        if not key.startswith(FUNCTION_KEY + "/"):
            continue
        try:
            function = decode_function(key, value)
        except StoreUnreadable:
            continue  # `check_lambda` tells
        for version in (function.latest, *function.published):
            fault = _code_fault(codes, version.code)
            if fault:
                yield f"version {version.version} of function {function.id.arn} {fault}"


def code_logs(metadata: Mapping[str, Metadata]) -> Iterator[int]:
    """The logs that have the code of functions, where several servers share it."""
    for key in metadata:
        kind, _, rest = key.partition("/")
        if kind == CODE_KEY:
            yield int(rest)


async def without_shared_code(engine: Engine) -> list[str]:
    """Every version of a function whose code is not in the shared data, or is not what was given.

    A coroutine of the engine's. Servers may change functions meanwhile: what has gone is not missed.
    """
    values, found = LargeValues(engine, CODE_KEY), []
    for key, value in list(engine.metadata_of(FUNCTION_KEY)):
        try:
            function = decode_function(key, value)
        except StoreUnreadable:
            continue  # `check_lambda` tells
        for version in function.versions:
            fault = await _shared_code_fault(values, version.code)
            if fault and dict(engine.metadata_of(FUNCTION_KEY)).get(key) == value:
                found.append(f"version {version.version} of function {function.id.arn} {fault}")
    return found


async def _shared_code_fault(values: LargeValues, code: Code) -> str | None:
    if code.folder:
        return None
    if not code.log_id:
        return "has its code elsewhere: deploy it anew"
    zipped = await values.get(code.log_id)
    if zipped is None:
        return f"has no code: log {code.log_id} does not have it whole"
    if sha256(zipped).hexdigest() != code.digest:
        return f"has code, but not as it was given: log {code.log_id} is damaged"
    return None


def _code_fault(codes: CodeFolder, code: Code) -> str | None:
    folder = codes.folder_of(code)
    if code.log_id:
        return None  # it is in the data, and unpacked when it is run
    if not folder.is_dir():
        return f"has no code: {folder} is missing"
    if code.folder:
        return None
    zipped = codes.zip_of(code.digest)
    if zipped is None:
        return f"has code, but not as it was given: {folder}.zip is missing"
    if sha256(zipped).hexdigest() != code.digest:
        return f"has code, but not as it was given: {folder}.zip is damaged"
    return None
