"""Members that the model leaves optional, and a request still needs.

A stream is named by `StreamName` or `StreamARN`: without both, AWS reports the
name as missing, together with whatever else is wrong. A partition key is needed
unless the stream distributes its records itself, which only the operation knows:
so a missing key alone passes, but it is reported where a request is refused anyway.
"""

from __future__ import annotations

from collections.abc import Container
from functools import cache

from headwater.api.validation.api_model import api_model

_NAMES_ITS_STREAM_OTHERWISE = {"ListShardsInput"}
"""A `NextToken` stands for the stream, too; the operation has its own text for that."""

REPORTED_WITH_OTHERS = {
    "PutRecordInput": "PartitionKey",
    "PutRecordsRequestEntry": "PartitionKey",
}
"""Structures and the member that is reported as missing once something else is wrong."""


@cache
def names_a_stream(shape_name: str) -> bool:
    """Whether a request of this shape must have a `StreamName` or a `StreamARN`."""
    members = api_model().shapes[shape_name].members
    return {"StreamName", "StreamARN"} <= members.keys() and shape_name not in _NAMES_ITS_STREAM_OTHERWISE


def needed_members(shape_name: str, present: Container[str], *, refused: bool) -> set[str]:
    """The members that this structure needs beyond those that the model requires.

    `present` is a container of the names that it has; `refused` tells whether the
    request is refused in any case.
    """
    needed = set()
    if names_a_stream(shape_name) and "StreamARN" not in present:
        needed.add("StreamName")
    if refused and shape_name in REPORTED_WITH_OTHERS:
        needed.add(REPORTED_WITH_OTHERS[shape_name])
    return needed
