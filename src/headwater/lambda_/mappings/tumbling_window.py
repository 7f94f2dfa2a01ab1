"""Tumbling windows: records of the same span of time share a state that the function returns.

Rules, as the developer guide has them:
- windows lie next to one another, aligned to the epoch; a record belongs to the one in
  which it arrived;
- each invocation of a window gets the state that the last one returned, the first one an
  empty object; an answer without a state is a failed invocation;
- when a window has ended and its records are done, one more invocation without records
  gets the state, and the state is dropped;
- a state of more than 1 MB ends the window early.

The source: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from headwater.lambda_.functions.invocation import InvocationResult
from headwater.wire.json_format import UNREADABLE

STATE_BYTES_MAX = 1024 * 1024
END_GRACE_MS = 200
"""A window is ended so much later: a record that arrived in it may be being stored still."""


class WindowState(msgspec.Struct, frozen=True):
    """An open window of one lane of a shard, as it is kept with the lane's progress."""

    start_ms: int
    state: bytes = b"{}"
    """JSON."""
    first_sequence_number: str = ""
    """Of the records that the state was made of; empty when there are none."""
    last_sequence_number: str = ""
    first_arrival_ms: int = 0
    last_arrival_ms: int = 0


class _Answer(msgspec.Struct):
    state: msgspec.Raw


_decoder = msgspec.json.Decoder(_Answer)


def window_start_ms(arrival_ms: int, window_s: int) -> int:
    """When the window began in which a record arrived."""
    return arrival_ms - arrival_ms % (window_s * 1000)


def returned_state(result: InvocationResult) -> bytes | None:
    """The state in a function's answer, as JSON; `None` when there is none."""
    try:
        state = bytes(_decoder.decode(result.payload).state)
    except UNREADABLE:
        return None
    return b"{}" if state == b"null" else state


def write_members(
    window: WindowState,
    window_s: int,
    shard_id: str,
    event_source_arn: str,
    *,
    is_final: bool,
    is_early: bool = False,
) -> bytes:
    """What stands beside the records in a window's event: JSON without the braces around it."""
    end_ms = window.start_ms + window_s * 1000
    document = {
        "window": {"start": _iso_time(window.start_ms), "end": _iso_time(end_ms)},
        "state": msgspec.Raw(window.state),
        "shardId": shard_id,
        "eventSourceARN": event_source_arn,
        "isFinalInvokeForWindow": is_final,
        "isWindowTerminatedEarly": is_early,
    }
    return msgspec.json.encode(document)[1:-1]


def _iso_time(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
