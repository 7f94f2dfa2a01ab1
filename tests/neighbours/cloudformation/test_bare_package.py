"""Packages of others, of which a module is wanted and the whole is dear."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.neighbours.cloudformation.bare_package import bare_package


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package whose `__init__` says that it was imported."""
    folder = tmp_path / "dear_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("IS_WHOLE = True\n")
    (folder / "part.py").write_text("VALUE = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("dear_package", "dear_package.part"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder.name


def test_a_module_is_had_without_the_whole_which_others_get_later(package: str) -> None:
    with bare_package(package):
        assert importlib.import_module(f"{package}.part").VALUE == 7
        assert not hasattr(sys.modules[package], "IS_WHOLE")
    assert importlib.import_module(package).IS_WHOLE


def test_a_package_that_is_there_stays(package: str) -> None:
    whole = importlib.import_module(package)
    with bare_package(package):
        assert sys.modules[package] is whole
    assert sys.modules[package] is whole


def test_a_package_that_is_not_installed_is_named() -> None:
    with (
        pytest.raises(ImportError, match="no_such_package is not an installed package"),
        bare_package("no_such_package"),
    ):
        pass


def test_the_schemas_of_cloudformation_need_no_mathematics() -> None:
    script = (
        "import sys; from headwater.neighbours.cloudformation.published_schemas import is_known;"
        "assert is_known('AWS::Kinesis::Stream');"
        "print(sorted({'sympy', 'networkx', 'cfnlint'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
