from __future__ import annotations

import pytest

from headwater.model.transitions import IllegalTransition, transitions

TABLE = {"open": {"closed": "ajar"}, "shut": {"ajar": "closed"}}


def test_an_event_leads_from_phase_to_phase() -> None:
    door = transitions(TABLE)
    assert door["open"]["closed"] == "ajar"
    assert door["shut"]["ajar"] == "closed"


def test_what_the_table_does_not_have_cannot_happen() -> None:
    with pytest.raises(IllegalTransition, match="'open' cannot happen in the phase 'ajar'"):
        transitions(TABLE)["open"]["ajar"]
