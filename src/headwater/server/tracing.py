"""A span of OpenTelemetry's for each request: what it asked for, when it was answered, and with which error.

It stands before the dispatch, as another `RequestHandler`: a server without tracing has no trace of it.

Rules:
- the parent is what the request's headers say, by the propagators that OTEL_PROPAGATORS names, else by
  `X-Amzn-Trace-Id`, which is what an instrumented boto3 sends;
- names and attributes are those of OpenTelemetry's semantic conventions 1.44 for RPC, the AWS SDK and
  messaging, as far as these have one; what is Headwater's own begins with `headwater.`;
- a span ends when the answer begins, and no record's data is in it, and no partition key but one that the
  message of an error repeats;
- the server's own routes have no spans: they would be of who looks at the spans.

Refuses to know where spans go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from headwater.api.operation import OPERATIONS
from headwater.model.errors import SerializationException
from headwater.server.admin import PREFIX as OWN_ROUTES
from headwater.server.http.exchange import Answer, HttpRequest, HttpResponse, Refusal, RequestHandler, Respond
from headwater.server.neighbour import error_of, service_of
from headwater.wire import cbor_format

CONVENTIONS = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the semantic conventions."""
AWS_TRACE_HEADER = b"x-amzn-trace-id"
CBOR_BYTES_MAX = 64 * 1024
"""A larger body in CBOR is not looked into: it would take longer than to answer it."""
ERROR_STATUS = 400
PORT_DIGITS = 5
OTHER = "_OTHER"
"""What the conventions call a method that is not known."""

_TRACE_ID = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_TARGET = re.compile(r"([A-Za-z][A-Za-z0-9]{0,63}?)(?:_[0-9]{8})?\.([A-Z][A-Za-z0-9]{0,63})")


class _Asked(msgspec.Struct, rename="pascal"):
    """What a request says of where it is about."""

    stream_name: str = ""
    shard_id: str = ""
    consumer_name: str = ""
    queue_name: str = ""
    channel_name: str = ""
    stream_arn: str = msgspec.field(name="StreamARN", default="")
    consumer_arn: str = msgspec.field(name="ConsumerARN", default="")
    queue_arn: str = msgspec.field(name="QueueARN", default="")
    channel_arn: str = msgspec.field(name="ChannelARN", default="")


class _Told(msgspec.Struct, rename="pascal"):
    """What an answer says of where a record is, or of how many were refused."""

    shard_id: str = ""
    sequence_number: str = ""
    failed_record_count: int | None = None


TOLD_BY = ("PutRecord", "PutRecords")
"""The operations whose answers are looked into."""

_asked = msgspec.json.Decoder(_Asked).decode
_told = msgspec.json.Decoder(_Told).decode


class TracedRequests:
    """A `RequestHandler` that has another one answer, and makes a span of it."""

    def __init__(self, handler: RequestHandler, tracer: trace.Tracer) -> None:
        self._handler = handler
        self._tracer = tracer

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        """See `RequestHandler`."""
        if not request.target.startswith(OWN_ROUTES):
            respond = self._traced(request, respond)
        self._handler.handle(request, respond)

    def refuse(self, refusal: Refusal, respond: Respond) -> None:
        """See `RequestHandler`. What is no request has no span."""
        self._handler.refuse(refusal, respond)

    def _traced(self, request: HttpRequest, respond: Respond) -> Respond:
        name, attributes = _called(request)
        span = self._tracer.start_span(
            name, context=parent_of(request.headers), kind=SpanKind.SERVER, attributes=attributes
        )
        if not span.is_recording():  # the sampler does not want it
            return respond
        operation = name.removeprefix("Kinesis/")
        if operation in OPERATIONS:
            span.set_attributes(_places(request))
        return _TracedRespond(respond, span, operation)


class _TracedRespond:
    """A `Respond` that ends a span."""

    def __init__(self, respond: Respond, span: Span, operation: str) -> None:
        self._respond = respond
        self._span = span
        self._operation = operation

    def answer(self, response: HttpResponse) -> None:
        """See `Respond`."""
        self._respond.answer(response)
        span = self._span
        span.set_attribute("http.response.status_code", response.status)
        span.set_attribute("aws.request_id", response.request_id)
        if response.extended_id is not None:
            span.set_attribute("aws.extended_request_id", response.extended_id)
        if response.status >= ERROR_STATUS:
            code, message = error_of(Answer(response.status, response.fields, bytes(response.body)))
            span.set_attribute("error.type", code or str(response.status))
            span.set_status(Status(StatusCode.ERROR, f"{code}: {message}" if code and message else code))
        elif self._operation in TOLD_BY:
            span.set_attributes(_results(response))
        span.end()

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        """See `Respond`."""
        return self._respond.hold(on_gone)

    def cut(self) -> None:
        """See `Respond`."""
        self._respond.cut()
        self._span.set_attribute("error.type", "no_answer")
        self._span.set_status(Status(StatusCode.ERROR, "The connection ended without an answer."))
        self._span.end()


class _HeaderGetter(Getter[Mapping[bytes, bytes]]):
    """How propagators read a request's headers."""

    def get(self, carrier: Mapping[bytes, bytes], key: str) -> list[str] | None:
        """The values of one header; here it is one."""
        value = carrier.get(key.lower().encode())
        return None if value is None else [value.decode("latin-1")]

    def keys(self, carrier: Mapping[bytes, bytes]) -> list[str]:
        """The names of all headers."""
        return [name.decode("latin-1") for name in carrier]


_headers = _HeaderGetter()


def parent_of(headers: Mapping[bytes, bytes]) -> Context:
    """The context that a request was sent in; an empty one when it says none."""
    context = propagate.extract(headers, Context(), _headers)
    if trace.get_current_span(context).get_span_context().is_valid:
        return context
    parent = aws_parent(headers.get(AWS_TRACE_HEADER, b"").decode("latin-1"))
    return context if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), context)


def aws_parent(header: str) -> SpanContext | None:
    """The span that an `X-Amzn-Trace-Id` names; `None` when it names none that can be a parent.

    One that does not say whether it is sampled counts as sampled: it was sent to be seen.
    """
    pairs = (pair.partition("=") for pair in header.split(";"))
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    trace_id = _TRACE_ID.fullmatch(fields.get("Root", ""))
    span_id = _SPAN_ID.fullmatch(fields.get("Parent", ""))
    if trace_id is None or span_id is None:
        return None
    flags = TraceFlags(TraceFlags.DEFAULT if fields.get("Sampled") == "0" else TraceFlags.SAMPLED)
    numbers = int(trace_id[1] + trace_id[2], 16), int(span_id[0], 16)
    parent = SpanContext(*numbers, is_remote=True, trace_flags=flags)
    return parent if parent.is_valid else None


def _called(request: HttpRequest) -> tuple[str, dict[str, Any]]:
    """The name of a request's span, and the attributes that say what is called."""
    host, _, port = request.headers.get(b"host", b"").decode("latin-1").rpartition(":")
    attributes: dict[str, Any] = {"server.address": host} if host else {}
    if port.isdecimal() and len(port) <= PORT_DIGITS:
        attributes["server.port"] = int(port)
    target = request.headers.get(b"x-amz-target", b"").decode("latin-1")
    named = _TARGET.fullmatch(target)
    if named is not None:
        service, operation = named.groups()
        is_known = service != "Kinesis" or operation in OPERATIONS
        method = f"{service}/{operation if is_known else OTHER}"
        return method, attributes | {"rpc.system.name": "aws-api", "rpc.method": method}
    method = request.method.decode("latin-1")
    attributes |= {"http.request.method": method, "url.path": request.path.decode("latin-1")}
    service = service_of(request)
    if service:
        attributes |= {"headwater.service": service}
    return method, attributes


def _places(request: HttpRequest) -> dict[str, str]:
    """The attributes that say of which stream, shard, consumer, queue or channel a request is."""
    asked = _decoded(request.body, request.headers.get(b"content-type", b""))
    if asked is None:
        return {}
    arn = asked.stream_arn or asked.consumer_arn
    stream = asked.stream_name or (arn.partition(":stream/")[2].partition("/")[0])
    consumer = asked.consumer_name or asked.consumer_arn.partition("/consumer/")[2].partition(":")[0]
    found = {
        "aws.kinesis.stream_name": stream,
        "messaging.destination.name": stream,
        "messaging.destination.partition.id": asked.shard_id,
        "messaging.consumer.group.name": consumer,
        "headwater.queue": asked.queue_name or asked.queue_arn,
        "headwater.channel": asked.channel_name or asked.channel_arn,
    }
    return {name: value for name, value in found.items() if value}


def _decoded(body: bytes, content_type: bytes) -> _Asked | None:
    try:
        if b"cbor" not in content_type:
            return _asked(body)
        if len(body) > CBOR_BYTES_MAX:
            return None
        return msgspec.convert(cbor_format.decode(body), _Asked)
    except (msgspec.DecodeError, msgspec.ValidationError, SerializationException, RecursionError):
        return None  # the answer will say what is wrong with it


def _results(response: HttpResponse) -> dict[str, Any]:
    """The attributes that say where a record is, or how many of a call were refused."""
    is_cbor = any("cbor" in value for name, value in response.fields if name == "Content-Type")
    if is_cbor and len(response.body) > CBOR_BYTES_MAX:
        return {}
    body = bytes(response.body)
    told = msgspec.convert(cbor_format.decode(body), _Told) if is_cbor else _told(body)
    found = {
        "messaging.destination.partition.id": told.shard_id,
        "messaging.message.id": told.sequence_number,
        "headwater.failed_record_count": told.failed_record_count,
    }
    return {name: value for name, value in found.items() if value not in ("", None)}
