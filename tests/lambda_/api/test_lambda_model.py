from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

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


def test_the_file_and_the_installed_botocore_agree() -> None:
    command = [sys.executable, str(SCRIPTS / "generate_lambda_model.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


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
