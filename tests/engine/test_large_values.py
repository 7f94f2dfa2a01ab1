"""Values too large for a key: written by one server, read by another, removed when nobody refers to them."""

from __future__ import annotations

import pytest

from headwater.engine.held_versions import Overtaken
from headwater.engine.large_values import MAKING_MS, PART_BYTES, LargeValues
from headwater.storage.interface import Change
from tests.engine.two_engines import TwoEngines

KIND = "pictures"


@pytest.fixture
def engines() -> TwoEngines:
    return TwoEngines()


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, 20 * PART_BYTES + 1])
def test_a_value_is_read_at_another_server(engines: TwoEngines, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    log_id = engines.inbox.run(LargeValues(engines.one, KIND).put(data))
    assert engines.inbox.run(LargeValues(engines.other, KIND).get(log_id)) == data


def test_a_value_that_is_not_whole_or_not_there_is_none(engines: TwoEngines) -> None:
    values = LargeValues(engines.one, KIND)
    log_id = engines.inbox.run(values.put(b"whole"))
    engines.inbox.run(_trimmed(engines, log_id))
    assert engines.inbox.run(values.get(log_id)) is None
    assert engines.inbox.run(values.get(7)) is None


def test_what_nobody_refers_to_is_removed_when_its_maker_must_be_done(engines: TwoEngines) -> None:
    values, others = LargeValues(engines.one, KIND), LargeValues(engines.other, KIND)
    log_id = engines.inbox.run(others.put(b"data"))
    assert list(values.old()) == []
    engines.clock.advance_ms(MAKING_MS + 1)
    assert list(values.old()) == [log_id]
    engines.one.tick()
    engines.inbox.run_posted()
    engines.inbox.run(values.remove(log_id))
    assert list(values.old()) == []
    assert engines.one.store.extent(log_id) is None
    with pytest.raises(Overtaken):
        others.hold(log_id)


def test_who_does_not_hold_the_lease_removes_nothing(engines: TwoEngines) -> None:
    values = LargeValues(engines.other, KIND)
    log_id = engines.inbox.run(values.put(b"data"))
    engines.inbox.run(values.remove(log_id))
    assert engines.inbox.run(values.get(log_id)) == b"data"


def test_a_commit_that_refers_to_a_value_fails_when_it_was_removed_and_keeps_it_otherwise(
    engines: TwoEngines,
) -> None:
    values = LargeValues(engines.one, KIND)
    log_id = engines.inbox.run(values.put(b"data"))
    writes, expected = values.hold(log_id)
    engines.inbox.run(values.remove(log_id))
    assert not engines.inbox.run(_committed(engines, Change({"album": b"", **writes}, expected)))
    log_id = engines.inbox.run(values.put(b"data"))
    writes, expected = values.hold(log_id)
    assert engines.inbox.run(_committed(engines, Change({"album": b"", **writes}, expected)))
    removal = Change({f"{KIND}/{log_id}": None}, expected, delete_logs=(log_id,))  # by who missed the album
    assert not engines.inbox.run(_committed(engines, removal))
    assert engines.inbox.run(values.get(log_id)) == b"data"


async def _committed(engines: TwoEngines, change: Change) -> bool:
    return await engines.other.store.commit(change) > 0


async def _trimmed(engines: TwoEngines, log_id: int) -> None:
    await engines.one.store.trim(log_id, 1)
