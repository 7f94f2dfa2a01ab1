"""A snapshot names nothing that could do harm."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from headwater.neighbours.keeping import moto_pickle
from headwater.neighbours.keeping.bodies import Bodies
from headwater.neighbours.keeping.snapshot_file import StateRefused


class Named:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self._reduced = function, arguments

    def __reduce__(self) -> Any:
        return self._reduced


@pytest.mark.parametrize(
    "harm",
    [
        Named(os.system, "true"),
        Named(eval, "1"),
        Named(getattr, 1, "real"),
        Named(moto_pickle.made_function, "os", "walk", 1, None, ()),
        Named(moto_pickle.backends_at, "os", "environ"),
        Named(moto_pickle.bound_method, "text", "upper"),
    ],
)
def test_a_snapshot_that_names_what_it_must_not_is_refused(tmp_path: Path, harm: Named) -> None:
    state = pickle.dumps(({}, {"harm": harm}))
    with pytest.raises(StateRefused):
        moto_pickle.load(state, Bodies(tmp_path))


def test_what_is_no_pickle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateRefused):
        moto_pickle.load(b"anything", Bodies(tmp_path))
