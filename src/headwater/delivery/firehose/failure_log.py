"""The errors of a delivery stream, in the neighbouring CloudWatch Logs if its destination says so.

Rules:
- the log group and stream are those of `CloudWatchLoggingOptions`, which must exist, as at AWS;
- what cannot be written there is left out: an error's log never holds up a delivery.

Refuses to know what went wrong.
"""

from __future__ import annotations

import msgspec

from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.firehose.delivery_stream import DeliveryStream
from headwater.delivery.service_calls import ServiceCalls
from headwater.model.caller import Caller


def destination_of(stream: DeliveryStream) -> str:
    """What an error's document calls the destination."""
    document = stream.destination
    if stream.destination_type == "HttpEndpoint":
        url: str = document["EndpointConfiguration"]["Url"]
        return url
    bucket: str = document["BucketARN"]
    return bucket


class FailureLog:
    """Writes errors of all delivery streams of a server."""

    def __init__(self, services: ServiceCalls) -> None:
        self._services = services

    async def write(
        self, stream: DeliveryStream, code: str, message: str, processor: str | None = None
    ) -> None:
        """Write an error, if the delivery stream has a log."""
        options = stream.destination["CloudWatchLoggingOptions"]
        if not options["Enabled"]:
            return
        document = {
            "deliveryStreamARN": stream.arn,
            "destination": destination_of(stream),
            "deliveryStreamVersionId": stream.version,
            "message": message,
            "errorCode": code,
        }
        if processor is not None:
            document["processor"] = processor
        members = {
            "logGroupName": options["LogGroupName"],
            "logStreamName": options["LogStreamName"],
            "logEvents": [
                {"timestamp": self._services.now_ms(), "message": msgspec.json.encode(document).decode()}
            ],
        }
        caller = Caller(stream.account_id, stream.region)
        try:
            await self._services.call_json(caller, "logs", "Logs_20140328.PutLogEvents", members)
        except DeliveryFailed:
            return
