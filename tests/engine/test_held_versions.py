"""Changes that are made of what their maker knows, while somebody else makes others."""

from __future__ import annotations

import pytest

from headwater.engine.held_versions import HeldVersions, Overtaken
from headwater.storage.interface import Metadata
from tests.engine.two_engines import TwoEngines

KIND, KEY = "notes", "notes/a"


class Keeper:
    """Who keeps notes at one engine."""

    def __init__(self, engines: TwoEngines, *, first: bool) -> None:
        self._inbox = engines.inbox
        self.versions = HeldVersions(engines.one if first else engines.other)
        self.notes: dict[str, bytes] = {}
        self.versions.open((KIND,), self._hold, self._hold)

    def _hold(self, key: str, found: Metadata | None) -> None:
        self.versions.hold(key, found)
        if found is None:
            self.notes.pop(key, None)
        else:
            self.notes[key] = found.value

    def write(self, value: bytes | None, **also: bytes) -> None:
        self._inbox.run(self.versions.commit({KEY: value}, also))


@pytest.fixture
def engines() -> TwoEngines:
    return TwoEngines()


@pytest.fixture
def keepers(engines: TwoEngines) -> tuple[Keeper, Keeper]:
    return Keeper(engines, first=True), Keeper(engines, first=False)


def test_each_knows_what_the_other_one_has_changed_and_may_change_it(
    keepers: tuple[Keeper, Keeper],
) -> None:
    one, other = keepers
    one.write(b"1")
    assert other.notes == {KEY: b"1"}
    other.write(b"2")
    one.write(None)
    assert other.notes == {}
    other.write(b"3")
    assert one.notes == {KEY: b"3"}


def test_of_two_changes_of_the_same_the_second_one_is_overtaken(engines: TwoEngines) -> None:
    one = Keeper(engines, first=True)
    one.write(b"1")
    stale = HeldVersions(engines.other)  # it has not been told
    version = one.versions.version(KEY)
    stale.hold(KEY, Metadata(version, b"1"))
    one.write(b"2")
    with pytest.raises(Overtaken):
        engines.inbox.run(stale.commit({KEY: b"3"}))
    assert engines.one.store.metadata()[KEY].value == b"2"
    stale.hold(KEY, Metadata(version + 1, b"2"))
    engines.inbox.run(stale.commit({KEY: b"3"}))
    assert one.notes == {KEY: b"3"}


def test_what_is_there_already_is_given_at_the_beginning(engines: TwoEngines) -> None:
    early = Keeper(engines, first=True)
    early.write(b"1")
    late = Keeper(engines, first=False)
    assert late.notes == {KEY: b"1"}
    assert (late.versions.version(KEY), late.versions.version("notes/b")) == (early.versions.version(KEY), 0)
    late.write(b"2", other=b"x")
    assert engines.one.store.metadata()["other"].value == b"x"
