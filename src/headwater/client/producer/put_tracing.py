"""Spans of puts: one for each record, from `put` to its outcome, and one for each PutRecords call.

Rules:
- a record's span is a child of the caller's; it ends with the record's shard and sequence number, or
  with the error;
- a call's span begins a trace of its own and has links to the spans of its records; the server's span
  is its child;
- with `propagate` a record's context is put beside it, as tags of its aggregate.

Imported only when tracing is asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Tracer

from headwater.client.calls.errors import PutByParent, PutFailed, ServiceError
from headwater.client.calls.kinesis_calls import PutRecordsEntry, PutRecordsResult
from headwater.client.calls.tracing import LINKS_MAX, attributes_of, begin, carrier_of, fail, name_of
from headwater.client.producer.aggregation import Put
from headwater.client.producer.put_future import PutFuture
from headwater.wire.aggregated_record import encode_tags


class TracedPut(PutFuture):
    """A put with a span."""

    __slots__ = ("span_context", "tags")

    def __init__(self, entry: PutRecordsEntry, size_bytes: int, since_s: float) -> None:
        super().__init__(entry, size_bytes, since_s)
        self.span_context: SpanContext | None = None
        self.tags = b""


class PutTracing:
    """The spans of one producer."""

    def __init__(self, tracer: Tracer, stream: str, *, propagates: bool) -> None:
        self._tracer = tracer
        self._propagates = propagates
        self._put_name = f"put {name_of(stream)}"
        self._of_put = attributes_of(stream, "create", "put")
        self._of_call = attributes_of(stream, "send", "PutRecords")

    def new_put(self, entry: PutRecordsEntry, size_bytes: int, since_s: float) -> PutFuture:
        """A put whose span has begun, in the caller's context."""
        put = TracedPut(entry, size_bytes, since_s)
        size = {"messaging.message.body.size": len(entry.data)}
        span = self._tracer.start_span(self._put_name, kind=SpanKind.PRODUCER, attributes=self._of_put | size)
        put.span_context = span.get_span_context()
        if self._propagates:
            put.tags = encode_tags(carrier_of(span))
        if span.is_recording():
            put.add_done_callback(partial(_end, span))
        return put

    async def send(
        self,
        batch: Sequence[Put],
        put_records: Callable[[SpanOfCall], Awaitable[list[PutRecordsResult]]],
    ) -> list[PutRecordsResult]:
        """The results of a call, with a span. Raises what the call does."""
        members = (member for put in batch for member in put.members())
        contexts = (member.span_context for member in members if isinstance(member, TracedPut))
        links = [Link(context) for context in islice(contexts, LINKS_MAX) if context is not None]
        count = {"messaging.batch.message_count": len(batch)}
        span = begin(self._tracer, SpanKind.CLIENT, self._of_call | count, links)
        try:
            results = await put_records(SpanOfCall(span))
        except BaseException as error:
            fail(span, error, error.code if isinstance(error, ServiceError) else None)
            raise
        else:
            refused = sum([result.error_code is not None for result in results])
            span.set_attribute("headwater.failed_record_count", refused)
            return results
        finally:
            span.end()


class SpanOfCall:
    """A `CallObserver` that sends a span's context along, and notes the answer's request id."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def headers(self) -> Mapping[str, str]:
        """What is sent along."""
        return carrier_of(self._span)

    def answered(self, headers: Mapping[str, str]) -> None:
        """An answer has begun."""
        request_id = headers.get("x-amzn-RequestId")
        if request_id is not None:
            self._span.set_attribute("aws.request_id", request_id)


def _end(span: Span, put: PutFuture) -> None:
    """A put has its outcome."""
    error = put.exception()
    if isinstance(error, PutByParent):
        return  # this process has a copy of the span, and the one it was copied from will end
    if error is None:
        place = put.result()
        attributes: dict[str, Any] = {
            "messaging.destination.partition.id": place.shard_id,
            "messaging.message.id": place.sequence_number,
        }
        span.set_attributes(attributes)
    else:
        fail(span, error, error.code if isinstance(error, PutFailed) else None)
    span.end()
