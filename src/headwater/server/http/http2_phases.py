"""The phases of an HTTP/2 connection, and what leads from one to another.

What it may do about each stream is in `http2_states`; here it is one conversation. Four machines
run beside each other. `Phase` says how near its end is:

    open ─ part ─► parting ─ close, end ─► lingering
     │ │              │                        ▲
     │ └─── leave ────┴──────► leaving         │
     ├───── close ───────────► closing         │
     └────── end ──────────────────────────────┘        every phase ─ lose ─► gone

`Intake` says why no further requests are wanted, and so what follows the last answer (`AFTER_ANSWERS`):

    open ─ shut down ─► finishing ─ client goes ─► left
      └──── client goes ────────────────────────────▲       every intake ─ eof ─► ended

`Flow` says whether the client takes its answers, and whether it is read:

    free ─ slow ─► slow ─ pile up ─► unread             slow, unread ─ catch up ─► free

`Output` says whether something is to be written at the end of this turn of the loop:

    written ─ gather ─► due ─ flush ─► written

Refuses to know frames, sockets and time.
"""

from __future__ import annotations

from typing import Literal

from headwater.model.transitions import transitions

Phase = Literal[
    "open",  # requests are read and answered
    "parting",  # the client has said that it goes and has all its answers: it closes the connection itself
    "closing",  # closes once what was written has left; nothing more is read or handled
    "lingering",  # the same, but the client may go on sending for a short while only
    "leaving",  # the same with nothing left to be written but a goodbye
    "gone",  # the connection is lost
]
Intake = Literal[
    "open",  # any further request
    "finishing",  # the server is about to go
    "left",  # the client has said that it goes
    "ended",  # the client has ended its side
]
Flow = Literal[
    "free",  # it is read and written
    "slow",  # the client does not take its answers: none is sent, no request is handed over
    "unread",  # so much waits for it that it is not read from either
]
Output = Literal["written", "due"]

PHASES: dict[str, dict[Phase, Phase]] = {
    "part": {"open": "parting"},
    "close": {"open": "closing", "parting": "lingering"},
    "leave": {"open": "leaving", "parting": "leaving"},
    "end": {"open": "lingering", "parting": "lingering"},  # by a fault of the client
    "lose": {
        "open": "gone",
        "parting": "gone",
        "closing": "gone",
        "lingering": "gone",
        "leaving": "gone",
    },
}
"""Event → phase before → phase after. What is not here cannot happen."""

INTAKES: dict[str, dict[Intake, Intake]] = {
    "shut down": {"open": "finishing", "finishing": "finishing", "left": "left", "ended": "ended"},
    "client goes": {"open": "left", "finishing": "left", "left": "left", "ended": "ended"},
    "eof": {"open": "ended", "finishing": "ended", "left": "ended", "ended": "ended"},
}
"""The same of `Intake`; what is said twice says nothing new."""

FLOWS: dict[str, dict[Flow, Flow]] = {
    "slow": {"free": "slow"},
    "pile up": {"slow": "unread"},
    "catch up": {"slow": "free", "unread": "free"},
}
"""The same of `Flow`."""

OUTPUTS: dict[str, dict[Output, Output]] = {
    "gather": {"written": "due", "due": "due"},
    "flush": {"written": "written", "due": "written"},
}
"""The same of `Output`."""

AFTER_ANSWERS: dict[Intake, Literal["stay", "close", "part"]] = {
    "open": "stay",
    "finishing": "close",
    "left": "part",  # closed now, the client might lose what it has not read yet, as Node.js does
    "ended": "close",
}
"""What a connection does once all is answered."""

ENDING: frozenset[Phase] = frozenset({"closing", "lingering", "leaving", "gone"})
"""Nothing that comes is looked at."""

PATIENCE: dict[Phase, Literal["idle", "linger", "goodbye"]] = {
    "open": "idle",
    "parting": "linger",
    "closing": "idle",
    "lingering": "linger",
    "leaving": "goodbye",
}
"""How long a client that does not read, or does not go, is waited for."""

_phases, _intakes = transitions(PHASES), transitions(INTAKES)
_flows, _outputs = transitions(FLOWS), transitions(OUTPUTS)

PART = _phases["part"]
CLOSE = _phases["close"]
LEAVE = _phases["leave"]
END = _phases["end"]
LOSE = _phases["lose"]
SHUT_DOWN = _intakes["shut down"]
CLIENT_GOES = _intakes["client goes"]
EOF = _intakes["eof"]
SLOW = _flows["slow"]
PILE_UP = _flows["pile up"]
CATCH_UP = _flows["catch up"]
GATHER = _outputs["gather"]
FLUSH = _outputs["flush"]
