"""What the spans of producers and consumers have in common: tracer, names, attributes, errors.

Imported only when tracing is asked for; `tracing_setting` sees to that.

Rules:
- names and attributes are those of OpenTelemetry's semantic conventions 1.44 for messaging, where these
  have one; what is Headwater's own begins with `headwater.`;
- no data of a record is in a span, and no partition key but one that the message of an error repeats;
- a span begins a trace of its own, with links, unless somebody waits for what it shows: one call, or one
  batch, is of records from many traces.

Refuses to know producers, consumers and queues.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import headwater
from headwater.client.calls.tracing_setting import SpanSource

CONVENTIONS = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the semantic conventions."""
SYSTEM = "aws_kinesis"
"""The messaging system; the conventions know none of Kinesis's."""
LINKS_MAX = 128
"""Of a span, which is what the SDK keeps."""
NEW_TRACE = Context()
"""The parent of a span without one."""

_w3c = TraceContextTextMapPropagator()
"""How contexts are put beside records: whatever propagators are set, who reads them must know."""


def open_tracer(provider: SpanSource | None) -> trace.Tracer:
    """The library's tracer, of a provider or of the global one."""
    source = trace.get_tracer_provider() if provider is None else provider
    tracer: trace.Tracer = source.get_tracer("headwater.client", headwater.__version__, CONVENTIONS)
    return tracer


def attributes_of(destination: str, operation_type: str, operation: str) -> dict[str, Any]:
    """The attributes that every span of a destination, a name or an ARN, has."""
    return {
        "messaging.system": SYSTEM,
        "messaging.destination.name": name_of(destination),
        "messaging.operation.type": operation_type,
        "messaging.operation.name": operation,
    }


def name_of(destination: str) -> str:
    """The name of a stream or queue; of a queue that is given by its ARN, the id in that."""
    return destination.rpartition("/")[2] if destination.startswith("arn:") else destination


def begin(
    tracer: trace.Tracer, kind: SpanKind, attributes: dict[str, Any], links: Iterable[Link] = ()
) -> Span:
    """A span in a trace of its own."""
    name = f"{attributes['messaging.operation.name']} {attributes['messaging.destination.name']}"
    return tracer.start_span(name, NEW_TRACE, kind, attributes, tuple(links))


def fail(span: Span, error: BaseException, error_type: str | None = None) -> None:
    """An error is the status of its span."""
    span.set_attribute("error.type", error_type or type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR, str(error)))


def context_of(carrier: Mapping[str, str]) -> SpanContext | None:
    """The span in a W3C trace context; `None` when it names none."""
    span = trace.get_current_span(_w3c.extract(carrier, Context()))
    return span.get_span_context() if span.get_span_context().is_valid else None


def carrier_of(span: Span) -> dict[str, str]:
    """The W3C trace context of a span, as headers or tags."""
    carrier: dict[str, str] = {}
    _w3c.inject(carrier, trace.set_span_in_context(span, NEW_TRACE))
    return carrier
