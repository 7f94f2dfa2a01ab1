"""The body of a streamed answer: a subscription's events as event-stream messages.

Stands between the engine's subscription, which pushes events, and the front end's
connection, which takes bytes. The first message is `initial-response`: some SDKs
wait for it before they give the stream to their caller.
"""

from __future__ import annotations

from headwater.api.streamed_answer import StreamedAnswer
from headwater.engine.fan_out import BrokenOff, FanOutEvent
from headwater.model.errors import KinesisError
from headwater.server.http.exchange import BodyWriter, Fields
from headwater.server.wire_formats import WireFormat
from headwater.wire import error_format, event_stream

EVENT_STREAM_FIELDS: Fields = (("Content-Type", "application/vnd.amazon.eventstream"),)


class EventSource:
    """A `BodySource` for a front end, and a `Sink` for a subscription."""

    def __init__(self, answer: StreamedAnswer, wire_format: WireFormat) -> None:
        self._answer = answer
        self._format = wire_format
        self._writer: BodyWriter | None = None

    # What the front end calls.

    def start(self, writer: BodyWriter) -> None:
        """The head has been sent."""
        self._writer = writer
        payload = self._format.encode({})
        writer.write(event_stream.initial_response(self._format.event_content_type, payload))
        self._answer.subscription.start(self)

    def pause(self) -> None:
        """The client is slow."""
        self._answer.subscription.pause()

    def resume(self) -> None:
        """The client has caught up."""
        self._answer.subscription.resume()

    def stop(self) -> None:
        """The client has gone."""
        self._writer = None
        self._answer.subscription.stop()

    # What the subscription calls.

    def event(self, event: FanOutEvent) -> None:
        """Send an event."""
        if self._writer is not None:
            payload = self._format.encode(self._answer.describe(event))
            content_type = self._format.event_content_type
            self._writer.write(event_stream.event(self._answer.event_type, content_type, payload))

    def fail(self, error: KinesisError) -> None:
        """Send an exception, and end; or end as if the network had failed."""
        if isinstance(error, BrokenOff):
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.break_off()
            return
        if self._writer is not None:
            _, document = error_format.error_document(error)
            message = {"message": document.get("message", "")}
            payload = self._format.encode(message)
            self._writer.write(event_stream.exception(error.code, self._format.event_content_type, payload))
        self.end()

    def end(self) -> None:
        """End the body."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.end()
