"""The checks that the changing operations share: states, tags, limits of the account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from headwater.engine.limits.limits import TAGS_MAX
from headwater.model.arn import StreamName
from headwater.model.caller import Caller
from headwater.model.errors import (
    InvalidArgumentException,
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.model.shard import Shard, parse_shard_id, shard_id_of
from headwater.model.stream import SERVING, Stream

_TAG_TEXT = re.compile(r"[\w \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000./=+\-:@%]*")
"""White space is Unicode's separators: no tab and no line feed, which are control characters."""
_RESERVED_TAG_PREFIX = "aws:"


def require_active(stream: Stream) -> None:
    """Raise ResourceInUseException unless the stream is ACTIVE."""
    if stream.status != "ACTIVE":
        raise ResourceInUseException(f"Stream {stream.label} not ACTIVE, instead in state {stream.status}")


def require_serving(stream: Stream) -> None:
    """Raise ResourceInUseException for a stream that is CREATING or DELETING."""
    if stream.status not in SERVING:
        require_active(stream)


def require_provisioned(stream: Stream, operation: str) -> None:
    """Raise ValidationException for an on-demand stream, whose shards are not the caller's to change."""
    if stream.mode != "PROVISIONED":
        raise ValidationException(
            f"{operation} is only supported for data streams with the PROVISIONED capacity mode. "
            f"Stream {stream.label} has the capacity mode {stream.mode}."
        )


def require_on_demand(stream: Stream, what: str) -> None:
    """Raise InvalidArgumentException for a provisioned stream."""
    if stream.mode != "ON_DEMAND":
        raise InvalidArgumentException(
            f"{what} is only supported for data streams with the ON_DEMAND capacity mode. "
            f"Stream {stream.label} has the capacity mode {stream.mode}."
        )


def shard_index(name: StreamName, shard_id: str) -> int:
    """The index that a shard id names. Raises ResourceNotFoundException for text that is no shard id."""
    index = parse_shard_id(shard_id)
    if index is None:
        raise _no_shard(name, shard_id)
    return index


def known_shard(stream: Stream, index: int) -> Shard:
    """The listed shard of this index. Raises ResourceNotFoundException."""
    shard = stream.shard(index)
    if shard is None:
        raise _no_shard(stream.full_name, shard_id_of(index))
    return shard


def _no_shard(name: StreamName, shard_id: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(
        f"Could not find shard {shard_id} in stream {name.name} under account {name.account_id}."
    )


def require_open(stream: Stream, shard: Shard) -> None:
    """Raise ResourceInUseException for a closed shard."""
    if not shard.is_open:
        raise ResourceInUseException(
            f"Shard {shard.shard_id} in stream {stream.label} has already been merged or split, "
            "and thus is not eligible for merging or splitting."
        )


def require_on_demand_stream_limit(
    streams: Iterable[Stream], caller: Caller, limit: int, claimed: int
) -> None:
    """Raise LimitExceededException when the account has no room for one more on-demand stream.

    `claimed`: so many are being made.
    """
    if claimed + sum(stream.mode == "ON_DEMAND" for stream in streams) >= limit:
        raise LimitExceededException(
            f"This request would exceed the on-demand stream limit for the account {caller.account_id} "
            f"in {caller.region}. Limit: {limit}."
        )


def add_tags(present: Mapping[str, str], added: Mapping[str, str], what: str) -> dict[str, str]:
    """The tags after adding some. `what` names the resource in errors: "stream Foo under account …".

    Raises InvalidArgumentException for characters that tags may not hold, for the
    reserved prefix, and for more than 50 tags.
    """
    failed = f"Failed to add tags to {what}"
    check_tag_texts([*added.keys(), *added.values()], failed)
    if any(key.lower().startswith(_RESERVED_TAG_PREFIX) for key in added):
        raise InvalidArgumentException(
            f"{failed} because tag keys that start with {_RESERVED_TAG_PREFIX} are reserved."
        )
    tags = {**present, **added}
    if len(tags) > TAGS_MAX:
        raise InvalidArgumentException(
            f"Failed to add tags to {what} because a given stream cannot have more than {TAGS_MAX} "
            "tags associated with it."
        )
    return tags


def remove_tags(present: Mapping[str, str], keys: Iterable[str], what: str) -> dict[str, str]:
    """The tags after removing some; keys that are not there are ignored.

    Raises InvalidArgumentException for characters that tags may not hold.
    """
    removed = list(keys)
    check_tag_texts(removed, f"Failed to remove tags from {what}")
    return {key: value for key, value in present.items() if key not in removed}


def check_tag_texts(texts: list[str], failed: str) -> None:
    """Raise InvalidArgumentException for a text that tags may not hold."""
    if not all(_TAG_TEXT.fullmatch(text) for text in texts):
        raise InvalidArgumentException(
            "Some tags contain invalid characters. Valid characters: "
            "Unicode letters, digits, white space, _ . / = + - % @."
        )
    if any("%" in text for text in texts):
        raise InvalidArgumentException(
            f"{failed} because some tags contained illegal characters. The allowed characters are "
            "Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
        )
