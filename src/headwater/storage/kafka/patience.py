"""How long who waits for whom, in one table.

    a request at a gateway            20 s    for everything together: `interface.ANSWER_WITHIN_S`
      a call of the store             18 s    a put, a change, a read, catching up: CALL_WITHIN_S
        a request to the controller    8 s    CONTROL_TIMEOUT_MS; it is told to answer after 6 s
        a request to a leader          5 s    REQUEST_TIMEOUT_MS; for a batch it is told to answer after 4 s
        a connection                   5 s    CONNECT_TIMEOUT_MS

Rules, each line against the one above it:
- a broker that has something to say says so before its connection is given up;
- one that hangs is given up so early that the next one can be asked within the same call of the store;
- a call of the store says what it knows before its request is answered for it, which can only be "in doubt";
- who has waited elsewhere already says for how long, and waits so much less: see `Store.append`.

What nobody waits for (fences, topics that go, snapshots, the batch of a put that has been answered) is tried
for as long as it takes.
"""

from __future__ import annotations

CALL_WITHIN_S = 18.0
"""What waits for longer is told so by the sweep, no later than a `SWEEP_S` afterwards."""
SWEEP_S = 1.0
SILENT_SWEEPS = 3
"""A broker that has had batches at so many sweeps, and answered for none, may be away: see `waiting_room`."""

CONTROL_TIMEOUT_MS = 8_000
CONTROL_BROKER_TIMEOUT_MS = 6_000
"""A topic that takes longer is there when it is asked for again."""
REQUEST_TIMEOUT_MS = 5_000
PRODUCE_BROKER_TIMEOUT_MS = 4_000
CONNECT_TIMEOUT_MS = 5_000
"""A broker that is cut off does not even say no."""
