"""Dead letters of EventBridge's targets, in queues of the neighbouring SQS.

Refuses to know why a target did not get an event.
"""

from __future__ import annotations

from collections.abc import Mapping

from moto.sqs.models import sqs_backends

from headwater.neighbours.delivery.outbox import DeadLetterTarget, GivenUp


def bury_record(lost: GivenUp) -> None:
    """What a stream did not take. Raises what SQS says of a queue."""
    letters = lost.record.terms.dead_letters
    if letters is None:
        return
    why = {
        "ERROR_CODE": lost.error,
        "ERROR_MESSAGE": "The stream did not take it.",
        "RETRY_ATTEMPTS": str(lost.record.retries),
        "EXHAUSTED_RETRY_CONDITION": lost.exhausted or "",
    }
    bury(letters, why)


def bury(letters: DeadLetterTarget, why: Mapping[str, str]) -> None:
    """Letters with their reasons; empty ones are left out. Raises what SQS says of a queue."""
    _, _, _, region, account_id, name = letters.queue_arn.split(":", 5)
    told = {**dict(letters.told), **why}
    attributes = {key: {"DataType": "String", "StringValue": value} for key, value in told.items() if value}
    sqs_backends[account_id][region].send_message(name, letters.text, message_attributes=attributes)
