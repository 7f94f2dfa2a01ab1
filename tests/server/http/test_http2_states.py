from __future__ import annotations

from headwater.server.http.http2_states import FAULTS, RECEIVED, SENT, Act, Phase

CLIENT_ACTS = (Act.HEADERS, Act.DATA, Act.RESET, Act.WINDOW)
"""END comes with the first two only."""


def test_whatever_a_client_does_is_either_allowed_or_a_fault() -> None:
    for phase in Phase:
        for act in CLIENT_ACTS:
            assert (act in RECEIVED[phase]) != (act in FAULTS.get(phase, {})), (phase, act)


def test_a_request_ends_wherever_it_can_go_on() -> None:
    for phase in Phase:
        assert (Act.END in RECEIVED[phase]) == (Act.DATA in RECEIVED[phase])


def test_every_phase_of_an_open_stream_leads_to_an_end() -> None:
    for phase in SENT:
        reached = {phase}
        for _ in Phase:
            reached |= {after for one in reached for after in RECEIVED[one].values()}
        assert Phase.CLOSED in reached
        assert SENT[phase][Act.RESET] is Phase.RESET


def test_nothing_leads_out_of_an_end() -> None:
    for phase in (Phase.CLOSED, Phase.RESET, Phase.PASSED_OVER):
        assert set(RECEIVED[phase].values()) == {phase}
        assert phase not in SENT
