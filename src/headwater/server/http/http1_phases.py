"""The phases of an HTTP/1.1 connection, and what leads from one to another.

Three machines run beside each other. `Phase` says what is done about the present request:

    ready ─ hand over ─► handed over ─ handler returns ─► awaited ◄─ hold, release ─► held
      ▲                       │ (or: hold ─► held)           │                          │
      │                       ▼                              ▼                          ▼
      ├──────── answer ───────┴──────────────────────────────┴──────────────────────────┤
      │                                                                                 │
      └── end stream ─── opening, streaming ◄─ opened ─── opening ◄─── open stream ─────┘

    ready ─ refuse ─► refusing ─ answer ─► lingering ─ close ─► closing
    ready ─ close ─► closing               what is under way ─ cut, break off ─► closing
    ready, lingering, closing ─ leave ─► leaving              every phase ─ lose ─► gone

`Intake` says what may come after the present request:

    open ─ shut down ─► finishing ─ eof ─► ended and finishing
      └─── eof ───────► ended ─ shut down ─────────▲

`Flow` says whether bytes are read, and whether the client takes its answers:

    free ─ fill ─► crowded ─ drain ─► free        free, crowded ─ slow ─► slow ─ catch up ─► crowded

Their joint states are `FOLLOWS_AN_ANSWER`, `ANSWER_DUE`, `IDLE` and `waits_for`.

Refuses to know bytes, sockets and time.
"""

from __future__ import annotations

from typing import Literal

from headwater.model.transitions import transitions

Phase = Literal[
    "ready",  # no request is under way: the next may be handed over
    "handed over",  # the handler has the request, and has not returned yet
    "awaited",  # the handler has returned, its answer will come
    "held",  # the answer is held back on purpose
    "opening",  # the head of a streamed answer has gone out, its source is being started
    "streaming",  # the body goes on
    "refusing",  # what came cannot be read: the answer that says so is due
    "lingering",  # it was given and writing has ended; the client may go on sending for a while
    "closing",  # closes once what was written has left; nothing more is read or handled
    "leaving",  # the same with nothing left to be written but, over TLS, a goodbye
    "gone",  # the connection is lost
]
Intake = Literal[
    "open",  # any further request
    "finishing",  # the server is about to go
    "ended",  # the client has ended its side
    "ended and finishing",
]
Flow = Literal[
    "free",  # it is read and written
    "crowded",  # enough requests wait: reading is paused
    "slow",  # the client does not take its answers: reading is paused, nothing is handed over
]

PHASES: dict[str, dict[Phase, Phase]] = {
    "hand over": {"ready": "handed over"},
    "handler returns": {"handed over": "awaited"},  # without an answer; else another phase is here already
    "answer": {"handed over": "ready", "awaited": "ready", "held": "ready", "refusing": "lingering"},
    "hold": {"handed over": "held", "awaited": "held"},
    "release": {"held": "awaited"},
    "cut": {"handed over": "closing", "awaited": "closing", "held": "closing", "refusing": "closing"},
    "open stream": {"handed over": "opening", "awaited": "opening", "held": "opening"},
    "opened": {"opening": "streaming"},
    "end stream": {"opening": "ready", "streaming": "ready"},
    "break off": {"opening": "closing", "streaming": "closing"},
    "refuse": {"ready": "refusing"},
    "close": {"ready": "closing", "lingering": "closing"},
    "leave": {"ready": "leaving", "lingering": "leaving", "closing": "leaving", "leaving": "leaving"},
    "lose": {
        "ready": "gone",
        "handed over": "gone",
        "awaited": "gone",
        "held": "gone",
        "opening": "gone",
        "streaming": "gone",
        "refusing": "gone",
        "lingering": "gone",
        "closing": "gone",
        "leaving": "gone",
    },
}
"""Event → phase before → phase after. What is not here cannot happen."""

INTAKES: dict[str, dict[Intake, Intake]] = {
    "eof": {
        "open": "ended",
        "finishing": "ended and finishing",
        "ended": "ended",
        "ended and finishing": "ended and finishing",
    },
    "shut down": {
        "open": "finishing",
        "finishing": "finishing",
        "ended": "ended and finishing",
        "ended and finishing": "ended and finishing",
    },
}
"""The same of `Intake`; what is said twice says nothing new."""

FLOWS: dict[str, dict[Flow, Flow]] = {
    "fill": {"free": "crowded"},
    "drain": {"crowded": "free"},
    "slow": {"free": "slow", "crowded": "slow"},
    "catch up": {"slow": "crowded"},  # and to `free` by `drain`, if few requests wait
}
"""The same of `Flow`."""

Successor = Literal["any", "begun", "whole"]

FOLLOWS_AN_ANSWER: dict[Intake, Successor] = {
    "open": "any",
    "finishing": "begun",  # a request that has arrived, or begun to arrive
    "ended": "whole",  # a request that has arrived: what is not whole never will be
    "ended and finishing": "whole",
}
"""For which requests the connection stays open after an answer."""

ANSWER_DUE: frozenset[Phase] = frozenset({"handed over", "awaited", "opening"})
"""For whose answers the connection stays when the client ends its side. A streamed answer has no end of
its own: its reader is taken to have left, and so is one whose answer is held back."""

IDLE: frozenset[Phase] = frozenset({"ready", "lingering", "closing", "leaving"})
"""When nothing is due, the connection leaves at shutdown, if no request waits or arrives either."""

Awaited = Literal["nothing", "request", "rest of request", "client to read", "client to stop", "goodbye"]


def waits_for(phase: Phase, flow: Flow, *, is_reading: bool) -> Awaited:
    """What the connection waits for from its client. `is_reading`: a request has begun to arrive."""
    if phase == "leaving":
        return "goodbye"
    if phase != "gone" and (flow == "slow" or phase == "closing"):
        return "client to read"
    if phase in ("refusing", "lingering"):
        return "client to stop"
    if phase == "ready":
        return "rest of request" if is_reading else "request"
    return "nothing"  # the handler has its own time


_phases, _intakes, _flows = transitions(PHASES), transitions(INTAKES), transitions(FLOWS)

HAND_OVER = _phases["hand over"]
HANDLER_RETURNS = _phases["handler returns"]
ANSWER = _phases["answer"]
HOLD = _phases["hold"]
RELEASE = _phases["release"]
CUT = _phases["cut"]
OPEN_STREAM = _phases["open stream"]
OPENED = _phases["opened"]
END_STREAM = _phases["end stream"]
BREAK_OFF = _phases["break off"]
REFUSE = _phases["refuse"]
CLOSE = _phases["close"]
LEAVE = _phases["leave"]
LOSE = _phases["lose"]
EOF = _intakes["eof"]
SHUT_DOWN = _intakes["shut down"]
FILL = _flows["fill"]
DRAIN = _flows["drain"]
SLOW = _flows["slow"]
CATCH_UP = _flows["catch up"]
