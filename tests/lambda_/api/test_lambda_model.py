from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from headwater.lambda_.api.lambda_model import OBSERVED_ENUMS, lambda_model

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    sys.path.insert(0, str(SCRIPTS))
    try:
        return importlib.import_module("generate_lambda_model")
    finally:
        sys.path.remove(str(SCRIPTS))


def test_the_file_and_the_installed_botocore_agree(generator: ModuleType) -> None:
    recorded: dict[str, Any] = json.loads(generator.TARGET.read_text(encoding="utf-8"))
    installed = generator.installed_facts()
    found = generator.disagreements(recorded, installed)
    assert not found, "\n".join([*found, generator.scope(recorded, installed)])


def test_an_offered_operation_has_its_shapes(generator: ModuleType) -> None:
    model = lambda_model()
    for name in generator.OFFERED:
        operation = model.operations[name]
        members = model.shapes[operation.input].members
        assert {*operation.uri, *operation.query, *operation.headers} <= members.keys()
        assert operation.status


def test_an_operation_that_is_not_offered_has_a_place_only() -> None:
    assert lambda_model().operations["CreateFunctionUrlConfig"].input == ""
    assert lambda_model().operations["CreateFunctionUrlConfig"].method == "POST"


def test_an_enum_in_another_order_has_the_same_values() -> None:
    for name, values in OBSERVED_ENUMS.items():
        assert sorted(values) == sorted(lambda_model().shapes[name].enum)
