"""Spans of handled batches: one for each call of a handler.

Rules:
- a batch's span begins a trace of its own; it has links to the puts of its records, as far as these came
  with their context, and says which sequence numbers it is of, so that a query finds the others;
- it is the current span of the handler, except in a process of its own;
- what the handler raises is the span's error.

Imported only when tracing is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.trace import Link, SpanKind, Tracer, use_span

from headwater.client.calls.record import Record
from headwater.client.calls.tracing import LINKS_MAX, attributes_of, begin, context_of, fail
from headwater.client.calls.users_code import Outcome
from headwater.client.consumer.batch import Batch
from headwater.client.consumer.handler_delivery import Handle


def traced(handle: Handle, tracer: Tracer, stream: str, worker_id: str) -> Handle:
    """What has a batch handled, with a span."""
    common = attributes_of(stream, "process", "process") | {"messaging.client.id": worker_id}

    async def traced_handle(batch: Batch) -> Outcome:
        records = batch.records
        first, last = records[0].sequence_number, records[-1].sequence_number
        numbers = (
            {"messaging.message.id": first}
            if first == last
            else {"headwater.first_message_id": first, "headwater.last_message_id": last}
        )
        where = {"messaging.destination.partition.id": batch.shard_id}
        count = {"messaging.batch.message_count": len(records)}
        span = begin(tracer, SpanKind.CONSUMER, common | where | count | numbers, links_of(records))
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            outcome = await handle(batch)
            if outcome.error is not None:
                span.record_exception(outcome.error)
                fail(span, outcome.error)
            return outcome

    return traced_handle


def links_of(records: Iterable[Record]) -> list[Link]:
    """Links to the puts of records, each once."""
    links: dict[int, Link] = {}
    for record in records:
        context = context_of(record.trace_context) if record.tags else None
        if context is not None and context.span_id not in links:
            links[context.span_id] = Link(context, {"messaging.message.id": record.sequence_number})
            if len(links) == LINKS_MAX:
                break
    return list(links.values())
