"""A table of cases as one test: of thousands of tests each costs more than most cases do.

`each` is written as `pytest.mark.parametrize` is. All cases are tried, and a failure names every one that
fails. It is for cases that change nothing: what a fixture gives is the same for all of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import pytest

Test = Callable[..., None]
_Param = type(pytest.param())


def each(names: str | tuple[str, ...], rows: Iterable[Any]) -> Callable[[Test], Test]:
    """Let a test try all rows of a table; with several names, a row has a value for each."""
    columns = (names,) if isinstance(names, str) else names
    cases = [dict(zip(columns, _values(row, len(columns)), strict=True)) for row in rows]
    assert cases, "a table without a case shows nothing"

    def decorate(test: Test) -> Test:
        assert not inspect.iscoroutinefunction(test), "nobody would await it"

        @wraps(test)
        def try_all(**fixtures: Any) -> None:
            failures: list[BaseException] = []
            for case in cases:
                try:
                    test(**fixtures, **case)
                except (Exception, pytest.fail.Exception, pytest.skip.Exception) as failure:  # noqa: BLE001 - it is told below
                    failure.add_note(f"The case: {case}")
                    failures.append(failure)
            if failures:
                raise BaseExceptionGroup(f"{len(failures)} of {len(cases)} cases fail", failures)

        signature = inspect.signature(test)
        given = [one for name, one in signature.parameters.items() if name not in columns]
        try_all.__signature__ = signature.replace(parameters=given)  # type: ignore[attr-defined]  # pytest's way
        return try_all

    return decorate


def _values(row: Any, columns: int) -> tuple[Any, ...]:
    """Those of a row, which may be a `pytest.param` without marks: they would be lost."""
    if isinstance(row, _Param):
        assert not row.marks, f"{row.id} has marks"
        return tuple(row.values)
    return (row,) if columns == 1 else tuple(row)
