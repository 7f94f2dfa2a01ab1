"""Delivery to a general purpose bucket: records as they are, many in an object.

Rules, from the developer guide where it has any:
- records of JSON and STRING are lines; those of BYTE_ARRAY follow one another as they are;
- a record that is not what the format says goes to the dead-letter bucket;
- an object is written when its oldest record has the channel's freshness, or when it is large.

Refuses to know which channel it is, and when it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from headwater.delivery.batch_plan import BatchPlan
from headwater.delivery.channels.channel_log import ChannelLog
from headwater.delivery.channels.channel_metrics import count_delivered, count_failed
from headwater.delivery.channels.dead_letters import ChannelDeadLetters
from headwater.delivery.channels.delivered_channel import DeliveredChannel
from headwater.delivery.compression import COMPRESSIONS
from headwater.delivery.context import DeliveryContext
from headwater.delivery.delivery import Batch, Hints
from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.objects import Bucket, ObjectOptions
from headwater.delivery.results import BatchResult, object_place
from headwater.delivery.source import SourcePage
from headwater.model.channel import BucketTarget, RecordFormat
from headwater.model.key_template import KeyContext, key_of

OBJECT_BYTES = 32 * 1024 * 1024
"""An object has so much data before it is compressed, or it has the channel's freshness."""
_json = msgspec.json.Decoder(msgspec.Raw)


def _require_json(data: bytes) -> None:
    _json.decode(data)
    data.decode()  # a look at the structure does not look into strings


def _require_text(data: bytes) -> None:
    data.decode()


def _are_text(lines: bytes, _count: int) -> bool:
    if not lines.isascii():  # as most are; decoding makes a copy
        lines.decode()
    return True


def _are_json(lines: bytes, count: int) -> bool:
    """A value in each line, without space around it: none goes over two, and no line has two."""
    _are_text(lines, count)
    values: list[Any] = list(_json.decode_lines(lines))
    return len(values) == count and b"\n".join([*values, b""]) == lines


class FormatCheck(NamedTuple):
    """What a format says of records."""

    require: Callable[[bytes], None]
    """Refuses a record."""
    are_fine: Callable[[bytes, int], bool]
    """Whether so many records, a line each, are certainly not refused; none of them has a line feed in it.

    Costs a third of asking of each."""
    code: str
    media_type: str


FORMAT_CHECKS: dict[RecordFormat, FormatCheck] = {
    "JSON": FormatCheck(_require_json, _are_json, "InvalidJson", "application/x-ndjson"),
    "STRING": FormatCheck(_require_text, _are_text, "InvalidUtf8", "text/plain; charset=utf-8"),
}
"""All else is taken as it is."""
INVALID = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the checks raise; the last of JSON that is nested deeper than it can be read."""
BINARY = "application/octet-stream"


class BucketBatch:
    """The records of one object. A `Batch`."""

    def __init__(self, context: DeliveryContext, delivered: Callable[[], DeliveredChannel]) -> None:
        self._context = context
        self._delivered = delivered
        self._parts: list[bytes] = []
        self._check = FORMAT_CHECKS.get(delivered().channel.record_format)
        self.dead_letters = ChannelDeadLetters()
        self.result = BatchResult()
        self.size = 0
        self.records = 0
        self.oldest_ms = 0

    def add(self, page: SourcePage) -> None:
        """Gather records."""
        datas = page.datas
        self.oldest_ms = min(self.oldest_ms or page.first_arrival_ms, page.first_arrival_ms)
        self.records += len(datas)
        self.size += sum(map(len, datas))
        part = b"".join(datas) if self._check is None else self._lines(self._check, page)
        if part:
            self._parts.append(part)

    def _lines(self, check: FormatCheck, page: SourcePage) -> bytes:
        lines = b"\n".join([*page.datas, b""])
        try:
            if b"\n" not in b"".join(page.datas) and check.are_fine(lines, len(page)):
                return lines
        except INVALID:
            pass  # one of them is
        return b"".join(self._checked_lines(check, page))

    def _checked_lines(self, check: FormatCheck, page: SourcePage) -> Iterator[bytes]:
        for at, data in enumerate(page.datas):
            try:
                check.require(data)
            except INVALID as error:
                self.dead_letters.add(page.records[at], page.origins()[at], check.code, str(error))
            else:
                yield data if data[-1:] == b"\n" else data + b"\n"

    async def deliver(self, plan: BatchPlan) -> None:
        """Write the object, and one of dead letters. Raises `DeliveryFailed`."""
        delivered = self._delivered()
        channel, objects = delivered.channel, self._context.objects
        target = channel.target
        assert isinstance(target, BucketTarget)
        await self.dead_letters.write(objects, delivered, plan, self.result)
        if self._parts:
            compression = COMPRESSIONS[target.compression]
            body = await self._context.in_thread(lambda: compression.compress(self._parts))
            names = KeyContext(
                channel.name, channel.channel_id, delivered.stream.name, plan.made_ms, compression.extension
            )
            key = key_of(target.key_template, names, delivered.suffix(plan))
            options = ObjectOptions(
                content_type=BINARY if self._check is None else self._check.media_type,
                storage_class=target.storage_class,
                kms_key_id=channel.kms_key_id,
            )
            bucket = Bucket.of_arn(target.bucket_arn, target.owner)
            await objects.put(delivered.caller, bucket, key, body, options)
            self.result.place = object_place(bucket.name, key)
            self.result.written_bytes = len(body)
        await self._context.services.keep()


class BucketDestination:
    """A `Destination`. `delivered` gives the channel as it is now."""

    def __init__(
        self, context: DeliveryContext, delivered: Callable[[], DeliveredChannel], log: ChannelLog
    ) -> None:
        self._context = context
        self._delivered = delivered
        self._log = log

    def new_batch(self) -> BucketBatch:
        """An empty batch."""
        return BucketBatch(self._context, self._delivered)

    def hints(self) -> Hints:
        """When a batch is due, as of now."""
        return Hints(OBJECT_BYTES, self._delivered().channel.rules.freshness_s * 1000)

    def failed(self, batch: Batch, error: DeliveryFailed, attempts: int) -> None:
        """A batch was not delivered; it is tried again."""
        assert isinstance(batch, BucketBatch)
        count_failed(self._context, self._delivered(), batch)
        self._log.write(self._delivered(), error.code, error.message, attempts=attempts)

    def delivered(self, batch: Batch, plan: BatchPlan) -> None:
        """A batch was delivered."""
        assert isinstance(batch, BucketBatch)
        count_delivered(self._context, self._delivered(), batch)
        self._log.write_dead_letters(self._delivered(), batch.dead_letters, plan)
