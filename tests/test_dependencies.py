"""What Headwater needs is named where it should be, and its audit tells a finding from no answer."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

UPPER_BOUNDS = {
    "aiokafka": ("headwater/storage/kafka/cluster.py", "aiokafka.", "tests/storage/kafka/test_cluster.py"),
    "moto": ("headwater/neighbours/loaded_moto.py", "moto.", "tests/neighbours/test_moto.py"),
}
"""The dependencies whose inside is used: where, by which imports, and which test fails when it changes."""


@pytest.fixture
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "scripts" / "audit_dependencies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": [], **more}


def test_every_dependency_has_its_reason_in_words() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["tls"]]
    for extra in ("aws", "kafka", "otel"):
        needed += project["optional-dependencies"][extra]
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    for requirement in needed:
        name = re.split(r"[<>=;\\[ ]", requirement)[0]
        assert re.search(rf"^\|.*`{name}`.*\|", contributing, re.MULTILINE), name


def test_a_dependency_has_an_upper_bound_only_where_a_test_shows_why() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    of_users = [extras[name] for name in extras.keys() - {"bench", "docs", "test"}]
    needed = [*project["dependencies"], *(one for extra in of_users for one in extra)]
    bounded = {re.split(r"[<>=;\[ ]", one)[0] for one in needed if "<" in one.partition(";")[0]}
    assert bounded == UPPER_BOUNDS.keys()
    for used_in, imports, test in UPPER_BOUNDS.values():
        assert re.search(rf"^\s*(from|import) {imports}", (ROOT / "src" / used_in).read_text(), re.MULTILINE)
        assert (ROOT / test).exists()


def test_the_classifiers_name_each_python_from_the_lowest_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [line.rpartition(" ")[2] for line in project["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert named == ["3.11", "3.12", "3.13", "3.14"]
    assert project["requires-python"] == ">=3.11"


def test_the_audit_is_of_what_users_get(audit: ModuleType) -> None:
    installed = dict(audit.installed_versions("headwater", "tls"))
    assert {"lmdb", "httptools", "msgspec", "click", "cryptography", "cffi"} <= installed.keys()
    assert not {"pytest", "boto3", "mypy", "headwater"} & installed.keys()


def test_a_finding_fails_the_audit(audit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    fault = {"id": "GHSA-1", "fix_versions": ["1.1"]}
    assert audit.report([package("h2", vulns=[fault]), package("lmdb")]) == 1
    assert capsys.readouterr().out == "h2 1.0: GHSA-1, mended in 1.1\n"


def test_what_cannot_be_looked_up_is_named_and_is_no_finding(
    audit: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert audit.report([package("h2", skip_reason="h2 was not found"), package("lmdb")]) == 0
    shown = capsys.readouterr().out
    assert shown == "not audited: h2 was not found\nnothing is known against 1 of 2 packages\n"
    monkeypatch.setattr(audit, "audit", lambda _requirements: (None, "no network"))
    assert audit.main() == 0
    assert capsys.readouterr().out == "the dependencies were not audited: no network\n"
