"""Spans of handled records of a queue: one for each call of a handler.

Rules:
- a record's span begins a trace of its own, with links to the puts that are in it, as far as these came
  with their context; a queue hands aggregates out whole, so there may be many;
- it is the current span of the handler, except in a process of its own;
- what the handler raises is the span's error, except for `GiveBack`.

Imported only when tracing is asked for.
"""

from __future__ import annotations

from itertools import islice

from opentelemetry.trace import Link, SpanKind, Tracer, use_span

from headwater.client.calls.tracing import LINKS_MAX, attributes_of, begin, context_of, fail
from headwater.client.calls.users_code import Outcome
from headwater.client.queues.core import GiveBack, Handle
from headwater.client.queues.queue_record import QueueRecord
from headwater.wire.aggregated_record import deaggregate, is_framed, read_tags


def traced(handle: Handle, tracer: Tracer, queue: str) -> Handle:
    """What has a record handled, with a span."""
    common = attributes_of(queue, "process", "process")

    async def traced_handle(record: QueueRecord) -> Outcome:
        of_record = {
            "messaging.message.id": record.record_id,
            "messaging.message.body.size": len(record.data),
            "headwater.receive_count": record.receive_count,
        }
        span = begin(tracer, SpanKind.CONSUMER, common | of_record, _links_of(record))
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            outcome = await handle(record)
            if isinstance(outcome.error, GiveBack):
                span.set_attribute("headwater.given_back", True)
            elif outcome.error is not None:
                span.record_exception(outcome.error)
                fail(span, outcome.error)
            return outcome

    return traced_handle


def _links_of(record: QueueRecord) -> list[Link]:
    """Links to the puts in a record."""
    members = deaggregate(record.data) if is_framed(record.data) else None
    contexts = (context_of(read_tags(member.tags)) for member in members or () if member.tags)
    found = {context.span_id: Link(context) for context in islice(contexts, LINKS_MAX) if context is not None}
    return list(found.values())
