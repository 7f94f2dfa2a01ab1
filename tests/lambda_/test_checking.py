"""Functions and mappings in a store: unreadable, orphaned, or without their code."""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import ZipFile

import msgspec

from headwater.lambda_.checking import check_lambda, without_code
from headwater.lambda_.functions.code import CodeFolder
from headwater.lambda_.functions.function import Code, Function, Version
from headwater.lambda_.mappings.store import LaneProgress, ShardProgress
from headwater.storage.interface import Metadata

KEY = "lambda-function/123456789012/us-east-1/work"


def kept(code: Code) -> dict[str, Metadata]:
    version = Version(
        runtime="python3.12",
        role_arn="",
        code=code,
        last_modified_ms=0,
        revision_id="r",
        generation="g",
        active_ms=0,
    )
    function = Function(account_id="123456789012", region="us-east-1", name="work", latest=version)
    return {KEY: Metadata(1, msgspec.msgpack.encode(function))}


def zipped() -> bytes:
    file = io.BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("app.py", "")
    return file.getvalue()


def test_code_that_is_there_is_well_and_missing_or_damaged_code_is_named(tmp_path: Path) -> None:
    code = CodeFolder(tmp_path).keep(zipped())
    assert list(without_code(kept(code), tmp_path)) == []
    (tmp_path / f"{code.digest}.zip").write_bytes(b"damaged")
    (damaged,) = without_code(kept(code), tmp_path)
    assert "is damaged" in damaged
    (missing,) = without_code(kept(code), tmp_path / "elsewhere")
    assert "function:work has no code" in missing


def test_functions_that_cannot_be_read_or_are_others_are_named() -> None:
    stored = kept(Code("", 0, folder="/nowhere"))
    assert list(check_lambda(stored)) == []
    (other,) = check_lambda({KEY + "2": stored[KEY]})
    assert "is another one" in other
    (unreadable,) = check_lambda({KEY: Metadata(1, b"\xc1")})
    assert "cannot be read" in unreadable


def test_progress_of_no_mapping_is_named() -> None:
    progress = msgspec.msgpack.encode(ShardProgress((LaneProgress(1),)))
    (orphan,) = check_lambda({"lambda-progress/some/1": Metadata(1, progress)})
    assert "there is not" in orphan
