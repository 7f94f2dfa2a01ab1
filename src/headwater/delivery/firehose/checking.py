"""Holds what a store has of delivery streams against what can be read.

Nothing is changed, and nothing needs a running server. Refuses to know what is delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from headwater.delivery.firehose.store import KIND, decode_delivery_stream
from headwater.storage.interface import Extent, Metadata, StoreUnreadable

KINDS = (KIND,)


def check_delivery_streams(
    metadata: Mapping[str, Metadata], extent: Callable[[int], Extent | None]
) -> Iterator[str]:
    """What is wrong with delivery streams, in plain words; `extent` tells which logs there are."""
    for key, found in metadata.items():
        if key.partition("/")[0] != KIND:
            continue
        try:
            stream = decode_delivery_stream(key, found.value)
        except StoreUnreadable as error:
            yield str(error)
            continue
        if stream.log_id is not None and extent(stream.log_id) is None:
            yield f"{stream.arn} has no log for what is put to it"


def logs_of(metadata: Mapping[str, Metadata]) -> dict[str, int]:
    """The logs of what was put to delivery streams, by their ARNs. Raises `StoreUnreadable`."""
    streams = [
        decode_delivery_stream(key, found.value)
        for key, found in metadata.items()
        if key.partition("/")[0] == KIND
    ]
    return {stream.arn: stream.log_id for stream in streams if stream.log_id is not None}
