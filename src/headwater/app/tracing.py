"""OpenTelemetry's SDK for one server, set up as its own OTEL_… variables say.

Imported with `--tracing` only. What an SDK in the server's process was set up for otherwise, as in the
tests of an application, is left alone: a server has a provider of its own.

Rules:
- exporters are those of OTEL_TRACES_EXPORTER, found by their entry points as the SDK finds them;
- what the SDK has to say of spans that it cannot send is a warning in the server's log;
- the end of the server waits a few seconds for the last spans, and no longer.

Refuses to know what a span is made of.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any

import headwater
from headwater.config import ConfigError, environment
from headwater.server.http.exchange import RequestHandler

try:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from headwater.server.tracing import CONVENTIONS, TracedRequests
except ImportError as error:
    raise ConfigError("--tracing needs OpenTelemetry's SDK: pip install 'headwater[otel]'") from error
except ValueError as error:  # OpenTelemetry looks for the propagators when it is imported
    raise ConfigError(f"--tracing: {error}") from error

LAST_SPANS_S = 5.0
"""For sending what is left at the end."""
PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
"""By which OTLP may be spoken, and the entry point of each."""
UNNAMED = "unknown_service"
"""How the name begins that the SDK gives to what has none."""


class Tracing:
    """The spans of one server: made, sent, and sent to the last at the end."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        """Set it up; call in the running loop. Raises `ConfigError` for what the variables have wrong."""
        self._warnings = _Warnings(warn, asyncio.get_running_loop())
        logging.getLogger("opentelemetry").addHandler(self._warnings)
        try:
            self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
            for exporter in _exporters(environment()):
                self._provider.add_span_processor(BatchSpanProcessor(exporter()))
        except Exception as error:  # an exporter's own, of whatever kind
            logging.getLogger("opentelemetry").removeHandler(self._warnings)
            raise error if isinstance(error, ConfigError) else ConfigError(f"--tracing: {error}") from error

    def traced(self, handler: RequestHandler) -> RequestHandler:
        """What answers requests, with a span for each."""
        tracer = self._provider.get_tracer("headwater.server", headwater.__version__, CONVENTIONS)
        return TracedRequests(handler, tracer)

    async def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop has not waited so long
                loop.call_soon_threadsafe(sent.set)

        # A thread of the loop's own executor would be waited for, however long it takes.
        threading.Thread(target=shut_down, name="last spans", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SPANS_S):
                await sent.wait()
        logging.getLogger("opentelemetry").removeHandler(self._warnings)


class _Warnings(logging.Handler):
    """What the SDK says of its own work, for the server's log."""

    def __init__(self, warn: Callable[[str], None], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._warn = warn
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, in whatever thread it was said."""
        with suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(self._warn, f"OpenTelemetry: {record.getMessage()}")


def _resource() -> Resource:
    """Who sends the spans: as the variables say, else Headwater."""
    told = Resource.create({"service.version": headwater.__version__})
    if str(told.attributes["service.name"]).startswith(UNNAMED):
        return told.merge(Resource({"service.name": "headwater"}))
    return told


def _exporters(variables: Mapping[str, str]) -> Iterator[Callable[[], Any]]:
    """What makes each exporter that is asked for. Raises `ConfigError` for one that is not installed."""
    for name in (variables.get("OTEL_TRACES_EXPORTER") or "otlp").split(","):
        if name.strip() == "none":
            continue
        entry = _otlp_entry(variables) if name.strip() == "otlp" else name.strip()
        found = entry_points(group="opentelemetry_traces_exporter", name=entry)
        if not found:
            raise ConfigError(f"--tracing: OTEL_TRACES_EXPORTER asks for {entry}, which is not installed")
        yield next(iter(found)).load()


def _otlp_entry(variables: Mapping[str, str]) -> str:
    protocol = (
        variables.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        or variables.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        or "http/protobuf"
    ).strip()
    if protocol not in PROTOCOLS:
        raise ConfigError(f"--tracing: {protocol!r} is no protocol of OTLP: {' or '.join(PROTOCOLS)}")
    return PROTOCOLS[protocol]
