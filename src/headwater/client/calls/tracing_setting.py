"""The setting `tracing` of producers and consumers: whether there are spans, and of whose provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from headwater.client.calls.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


class SpanSource(Protocol):
    """A `TracerProvider` of OpenTelemetry's, which need not be installed."""

    def get_tracer(self, *arguments: Any, **named: Any) -> Any:
        """Its tracer for a library."""


Tracing: TypeAlias = bool | SpanSource
"""False: no spans. True: spans of OpenTelemetry's global provider; or else the provider to use."""


def tracer_for(tracing: Tracing) -> Tracer | None:
    """The tracer of a setting; `None` when it is off. Raises `ConfigurationError` without the extra."""
    if tracing is False:
        return None
    try:
        from headwater.client.calls.tracing import open_tracer  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(f"tracing needs {error.name}: pip install 'headwater[otel]'") from None
    return open_tracer(None if tracing is True else tracing)
