"""The Glue Schema Registry: the schemas of channels, and the header of records that name theirs.

The header is that of the registry's serializers: a byte 3, a byte for the compression (0 for none, 5 for
zlib), and the 16 bytes of the schema version's id.

Refuses to know what a schema says.
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.service_calls import ServiceCalls
from headwater.model.caller import Caller

HEADER_VERSION = 3
HEADER_BYTES = 18
NOT_COMPRESSED, ZLIB = 0, 5
PAYLOAD_BYTES_MAX = 16 * 1024 * 1024
"""What a compressed record may become."""


class SchemaVersion(NamedTuple):
    """A version of a schema."""

    version_id: str
    schema_arn: str
    definition: Any
    """The schema, decoded."""


class SchemaRegistry:
    """The neighbouring registry."""

    def __init__(self, services: ServiceCalls) -> None:
        self._services = services

    async def latest(self, caller: Caller, schema_arn: str) -> SchemaVersion:
        """The latest version of a schema. Raises `DeliveryFailed`."""
        asked = {"SchemaId": {"SchemaArn": schema_arn}, "SchemaVersionNumber": {"LatestVersion": True}}
        return await self._version(caller, asked)

    async def version(self, caller: Caller, version_id: str) -> SchemaVersion:
        """The version of an id. Raises `DeliveryFailed`."""
        return await self._version(caller, {"SchemaVersionId": version_id})

    async def _version(self, caller: Caller, asked: dict[str, Any]) -> SchemaVersion:
        found = await self._services.call_json(caller, "glue", "AWSGlue.GetSchemaVersion", asked)
        if found.get("DataFormat") != "JSON":
            text = f"{found.get('SchemaArn')} has the data format {found.get('DataFormat')}, and not JSON."
            raise DeliveryFailed("SchemaRefused", text)
        try:
            definition = msgspec.json.decode(found["SchemaDefinition"])
        except msgspec.DecodeError as error:
            raise DeliveryFailed("SchemaRefused", f"The schema {found['SchemaArn']} is no JSON.") from error
        return SchemaVersion(found["SchemaVersionId"], found["SchemaArn"], definition)


class HeaderInvalid(Exception):
    """A record without the header of the registry's serializers; the message says why."""


def without_header(data: bytes) -> tuple[str, bytes]:
    """The id of the schema version that a record names, and its payload. Raises `HeaderInvalid`."""
    if len(data) < HEADER_BYTES or data[0] != HEADER_VERSION:
        raise HeaderInvalid("the record has no header of the Glue Schema Registry")
    version_id, payload = str(UUID(bytes=data[2:HEADER_BYTES])), data[HEADER_BYTES:]
    if data[1] == NOT_COMPRESSED:
        return version_id, payload
    if data[1] != ZLIB:
        raise HeaderInvalid(f"the record has an unknown compression: {data[1]}")
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(payload, PAYLOAD_BYTES_MAX)
    except zlib.error as error:
        raise HeaderInvalid(f"the record cannot be decompressed: {error}") from error
    if not inflater.eof:
        raise HeaderInvalid("the record is cut short, or too large")
    return version_id, inflated
