"""Delivery to a table in S3 Tables: a batch is one snapshot of an Iceberg table.

Rules:
- a record that the schema refuses goes to the dead-letter bucket with the reason; the others are rows;
- the schema is the one that the table was made with: it does not change any more;
- a record of GSR_JSON must name a version of the channel's schema.

Refuses to know how a table is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from headwater.delivery.batch_plan import BatchPlan
from headwater.delivery.channels.channel_log import ChannelLog
from headwater.delivery.channels.channel_metrics import count_delivered, count_failed
from headwater.delivery.channels.dead_letters import ChannelDeadLetters
from headwater.delivery.channels.delivered_channel import DeliveredChannel, delivery_id_of
from headwater.delivery.channels.iceberg_table import ChannelTable
from headwater.delivery.channels.s3_tables import TABLE_GONE
from headwater.delivery.channels.schema_registry import HeaderInvalid, SchemaRegistry, without_header
from headwater.delivery.channels.table_rows import TableRows
from headwater.delivery.channels.table_schema import SchemaRefused, TableSchema, table_schema
from headwater.delivery.context import DeliveryContext
from headwater.delivery.delivery import Batch, Hints
from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.results import BatchResult
from headwater.delivery.source import RecordOrigin, SourcePage
from headwater.model.channel import TableTarget
from headwater.model.record import Record

BATCH_BYTES = 64 * 1024 * 1024
"""A snapshot has so much data as it was put, or it has the channel's freshness."""
REFUSED = "SchemaValidationFailed"

GIVEN_UP = frozenset({"EntityNotFoundException"})
"""What the registry answers of a version that is not there."""
Result = TypeVar("Result")
Letter = tuple[Record, RecordOrigin, bytes]


class TableBatch:
    """The rows of one snapshot. A `Batch`."""

    def __init__(self, destination: TableDestination) -> None:
        self._destination = destination
        self._rows = TableRows(destination.schema)
        self._unknown: dict[str, list[Letter]] = {}
        """Records whose schema version nobody has looked at yet, by its id."""
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
        if self._destination.delivered_channel().channel.record_format == "JSON":
            self._rows.add(datas, lambda at, why: self._refuse(page.records[at], page.origins()[at], why))
        else:
            self._add_with_headers(page)

    def _refuse(self, record: Record, origin: RecordOrigin, why: str) -> None:
        self.dead_letters.add(record, origin, REFUSED, why)

    def _add_with_headers(self, page: SourcePage) -> None:
        known: list[Letter] = []
        for record, origin in zip(page.records, page.origins(), strict=True):
            try:
                version_id, payload = without_header(record.data)
            except HeaderInvalid as error:
                self.dead_letters.add(record, origin, "InvalidHeader", str(error))
                continue
            verdict = self._destination.verdicts.get(version_id)
            if verdict is None:
                self._unknown.setdefault(version_id, []).append((record, origin, payload))
            elif verdict:
                self._refuse(record, origin, verdict)
            else:
                known.append((record, origin, payload))
        self._add_rows(known)

    def _add_rows(self, letters: list[Letter]) -> None:
        payloads = [payload for _, _, payload in letters]
        self._rows.add(payloads, lambda at, why: self._refuse(letters[at][0], letters[at][1], why))

    async def deliver(self, plan: BatchPlan) -> None:
        """Append the rows, and write the dead letters. Raises `DeliveryFailed`."""
        destination = self._destination
        context, delivered = destination.context, destination.delivered_channel()
        for version_id in list(self._unknown):
            verdict = await destination.verdict(version_id)
            for letter in self._unknown.pop(version_id):
                if verdict:
                    self._refuse(letter[0], letter[1], verdict)
                else:
                    self._add_rows([letter])
                    await asyncio.sleep(0)
        await self.dead_letters.write(context.objects, delivered, plan, self.result)
        if len(self._rows):
            batch_id = f"{delivered.channel.channel_id}-{plan.number}"
            append = partial(destination.table.append, self._rows.table(), batch_id)
            self.result.written_bytes = await in_table(context, append)
            self.result.place = delivered.place
        await context.services.keep()


class TableDestination:
    """A `Destination`. `open` it before anything is gathered."""

    def __init__(
        self, context: DeliveryContext, delivered: Callable[[], DeliveredChannel], log: ChannelLog
    ) -> None:
        """`delivered` gives the channel as it is now."""
        self.context = context
        self.delivered_channel = delivered
        self._log = log
        now = delivered()
        assert isinstance(now.channel.target, TableTarget)
        self.table = ChannelTable(context, now.caller, now.channel.target, now.channel.kms_key_id)
        self._registry = SchemaRegistry(context.services)
        self.schema: TableSchema
        self.verdicts: dict[str, str] = {}
        """Why records of a schema version are refused, by its id; empty: they are not."""

    async def open(self) -> None:
        """Find the schema that the table was made with. Raises `DeliveryFailed`."""
        now = self.delivered_channel()
        assert isinstance(now.channel.target, TableTarget)
        try:
            version_id = await in_table(self.context, self.table.schema_version_id)
        except DeliveryFailed as error:
            if error.code != TABLE_GONE or self._has_delivered():
                raise
            await make_table(self.context, now)  # made a moment before a kill, and not kept
            version_id = await in_table(self.context, self.table.schema_version_id)
        version = await self._registry.version(now.caller, version_id)
        self.schema = schema_of(version.definition, now.channel.target)
        self.verdicts[version_id] = ""

    def _has_delivered(self) -> bool:
        delivery_id = delivery_id_of(self.delivered_channel().channel)
        return self.context.progress.progress(delivery_id).next_number > 1

    async def verdict(self, version_id: str) -> str:
        """Why records of a schema version are refused; empty: they are not. Raises `DeliveryFailed`."""
        if version_id not in self.verdicts:
            now = self.delivered_channel()
            try:
                version = await self._registry.version(now.caller, version_id)
            except DeliveryFailed as error:
                if error.code not in GIVEN_UP:
                    raise
                self.verdicts[version_id] = f"the schema version {version_id} is not in the registry"
            else:
                same = version.schema_arn == now.channel.schema_arn
                self.verdicts[version_id] = "" if same else f"its schema is {version.schema_arn}"
        return self.verdicts[version_id]

    def new_batch(self) -> TableBatch:
        """An empty batch."""
        return TableBatch(self)

    def hints(self) -> Hints:
        """When a batch is due, as of now."""
        return Hints(BATCH_BYTES, self.delivered_channel().channel.rules.freshness_s * 1000)

    def failed(self, batch: Batch, error: DeliveryFailed, attempts: int) -> None:
        """A batch was not delivered; it is tried again."""
        assert isinstance(batch, TableBatch)
        count_failed(self.context, self.delivered_channel(), batch)
        self._log.write(self.delivered_channel(), error.code, error.message, attempts=attempts)

    def delivered(self, batch: Batch, plan: BatchPlan) -> None:
        """A batch was delivered."""
        assert isinstance(batch, TableBatch)
        count_delivered(self.context, self.delivered_channel(), batch)
        self._log.write_dead_letters(self.delivered_channel(), batch.dead_letters, plan)


def schema_of(definition: object, target: TableTarget) -> TableSchema:
    """The table of a schema. Raises `DeliveryFailed`."""
    try:
        return table_schema(definition, target.hour_columns)
    except SchemaRefused as error:
        raise DeliveryFailed("SchemaRefused", f"The schema does not make a table: {error}.") from error


async def make_table(context: DeliveryContext, delivered: DeliveredChannel) -> None:
    """Make the table of a channel, of the latest version of its schema. Raises `DeliveryFailed`."""
    channel, caller = delivered.channel, delivered.caller
    target, schema_arn = channel.target, channel.schema_arn
    assert isinstance(target, TableTarget)
    assert schema_arn is not None, "a request without one is refused"
    version = await SchemaRegistry(context.services).latest(caller, schema_arn)
    schema = schema_of(version.definition, target)
    table = ChannelTable(context, caller, target, channel.kms_key_id)
    await in_table(context, lambda: table.make(schema, channel.channel_id, version.version_id))


async def in_table(context: DeliveryContext, work: Callable[[], Result]) -> Result:
    """What a table's method gives. Raises `DeliveryFailed`, whatever pyiceberg raises."""
    try:
        return await context.in_thread(work)
    except (ValueError, OSError, LookupError, TypeError) as error:
        raise DeliveryFailed(type(error).__name__, f"The table cannot be written: {error}") from error
