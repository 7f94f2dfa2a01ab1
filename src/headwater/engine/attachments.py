"""Attachments of a stream: what holds for its queues and for its channels alike.

    update   ACTIVE ─► UPDATING ─► ACTIVE
    delete   every state ─► DELETING ─► gone

Pure functions: from an attachment to its next value. How one is created, and what ends that, is a queue's
own (`queue_lifecycle`) or a channel's (`channel_lifecycle`).

Refuses to know what either is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from headwater.model.channel import Channel, ChannelRules
from headwater.model.errors import ResourceInUseException, ValidationException
from headwater.model.queue import Queue, QueueRules
from headwater.model.stream import Stream

Attachment = TypeVar("Attachment", Queue, Channel)
NOUNS: Mapping[type, str] = {Queue: "Queue", Channel: "Channel"}


def require_on_demand(stream: Stream, attachment: Queue | Channel) -> None:
    """Raise ValidationException for a provisioned stream, to which nothing can be attached."""
    if stream.mode != "ON_DEMAND":
        raise ValidationException(
            f"{NOUNS[type(attachment)]}s are only supported for data streams with the ON_DEMAND capacity "
            f"mode. Stream {stream.label} has the capacity mode {stream.mode}."
        )


def require_active_attachment(stream: Stream, attachment: Queue | Channel) -> None:
    """Raise ResourceInUseException unless the attachment is ACTIVE."""
    if attachment.status != "ACTIVE":
        raise ResourceInUseException(
            f"{NOUNS[type(attachment)]} {attachment.name} under account {stream.account_id} not ACTIVE, "
            f"instead in state {attachment.status}"
        )


def require_no_attachments(stream: Stream, what: str) -> None:
    """Raise ResourceInUseException for a stream with queues or channels; `what` is refused then."""
    kinds: tuple[Sequence[Queue | Channel], ...] = (stream.queues, stream.channels)
    for attached in kinds:
        if attached:
            noun, names = NOUNS[type(attached[0])], ", ".join(each.name for each in attached)
            raise ResourceInUseException(
                f"{what} is not possible for {stream.arn} because there are {noun.lower()}s associated with "
                f"this data stream: {names}. Delete them with Delete{noun} first."
            )


def begin_update(attachment: Attachment, rules: QueueRules | ChannelRules, due_ms: int) -> Attachment:
    """The attachment UPDATING: its next rules hold when `due_ms` has come."""
    return msgspec.structs.replace(attachment, status="UPDATING", next_rules=rules, due_ms=due_ms)


def begin_deletion(attachment: Attachment, due_ms: int) -> Attachment:
    """The attachment DELETING: it is gone when `due_ms` has come."""
    return msgspec.structs.replace(attachment, status="DELETING", next_rules=None, due_ms=due_ms)


def end_transition(attachment: Attachment) -> Attachment | None:
    """The attachment behind its update; `None` behind its deletion."""
    if attachment.status != "UPDATING":
        return None
    rules = attachment.announced_rules
    return msgspec.structs.replace(attachment, status="ACTIVE", due_ms=None, rules=rules, next_rules=None)
