"""A collector of OpenTelemetry's for tests: it takes spans by OTLP over HTTP, as any real one does."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.waiting import awaited

KINDS = {Span.SPAN_KIND_SERVER: "server", Span.SPAN_KIND_CLIENT: "client"} | {
    Span.SPAN_KIND_PRODUCER: "producer",
    Span.SPAN_KIND_CONSUMER: "consumer",
    Span.SPAN_KIND_INTERNAL: "internal",
}


@dataclass(frozen=True)
class SeenSpan:
    """A span as a collector sees it."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    links: list[tuple[str, dict[str, Any]]]
    """Span id and attributes of each."""
    is_error: bool
    status: str
    resource: dict[str, Any]
    schema_url: str


@dataclass
class Collector:
    """The spans that have come so far."""

    port: int = 0
    spans: list[SeenSpan] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of who sends here, and sends at once."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "20",
        }

    def named(self, name: str, count: int = 1) -> list[SeenSpan]:
        """So many spans of a name, when they have come."""

        def found() -> list[SeenSpan] | None:
            spans = [span for span in list(self.spans) if span.name == name]
            return spans if len(spans) >= count else None

        return awaited(found)

    def one(self, name: str) -> SeenSpan:
        """The only span of a name."""
        (span,) = self.named(name)
        return span

    def take(self, body: bytes) -> None:
        """Spans have come."""
        request = ExportTraceServiceRequest.FromString(body)
        for sent in request.resource_spans:
            resource = _values(sent.resource.attributes)
            for scope in sent.scope_spans:
                self.spans += [_seen(span, resource, scope.schema_url) for span in scope.spans]


def _seen(span: Span, resource: dict[str, Any], schema_url: str) -> SeenSpan:
    return SeenSpan(
        span.name,
        KINDS[span.kind],
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _values(span.attributes),
        [(link.span_id.hex(), _values(link.attributes)) for link in span.links],
        span.status.code == Status.STATUS_CODE_ERROR,
        span.status.message,
        resource,
        schema_url,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port, until the block is left."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
