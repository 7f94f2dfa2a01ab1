"""Groups of tests are of files that there are, and have all tests that share something dear."""

from __future__ import annotations

from tests.groups import GROUPS, LONGEST_ALONE, OVER_THE_SOURCE, group_of, place_of
from tests.source_tree import ROOT
from tests.tables import each

TESTS = ROOT / "tests"


@each("file", [*(file for files in GROUPS.values() for file in files), *LONGEST_ALONE, *OVER_THE_SOURCE])
def test_a_file_of_a_group_is_there(file: str) -> None:
    assert (TESTS / f"{file}.py").is_file()


def test_whoever_needs_the_broker_is_in_its_group() -> None:
    files = (TESTS / "storage" / "kafka").glob("test_*.py")
    sharing = {file.stem for file in files if "store_url" in file.read_text()}
    assert len(sharing) > 5
    assert {f"storage/kafka/{name}" for name in sharing} <= set(GROUPS["kafka"])


def test_a_group_is_one_file_or_several_and_elsewhere_each_test_is_alone() -> None:
    assert group_of("tests/clients/test_kcl.py::test_a[1]") == group_of(
        "tests/clients/test_two_gateways.py::test_b"
    )
    assert group_of("tests/clients/test_go.py::test_a") == group_of("tests/clients/test_go.py::test_b")
    assert group_of("tests/clients/test_go.py::test_a") != group_of(
        "tests/clients/test_javascript.py::test_a"
    )
    assert group_of("tests/engine/test_engine.py::test_a") != group_of("tests/engine/test_engine.py::test_b")


def test_what_takes_longest_begins_first() -> None:
    nodeids = [
        "tests/engine/test_a.py::test",
        "tests/crash/test_kill.py::test",
        "tests/clients/test_kcl.py::test",
    ]
    assert sorted(nodeids, key=place_of) == nodeids[::-1]
