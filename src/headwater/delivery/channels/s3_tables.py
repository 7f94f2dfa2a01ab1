"""Tables in S3 Tables: made there, found there, and pointed to new metadata.

Refuses to know what metadata are.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from headwater.delivery.errors import DeliveryFailed
from headwater.delivery.service_calls import ServiceCalls, ServiceRequest
from headwater.model.caller import Caller
from headwater.model.channel import TableTarget

CONFLICT = 409
NOT_FOUND = 404
TABLE_GONE = "TableGone"
JSON = {"content-type": "application/json"}


class FoundTable(NamedTuple):
    """A table as it is now."""

    warehouse: str
    """Where its files lie, such as `s3://bucket`."""
    version_token: str
    metadata_location: str | None


class S3Tables:
    """The neighbouring S3 Tables."""

    def __init__(self, services: ServiceCalls) -> None:
        self._services = services

    async def make(self, caller: Caller, target: TableTarget) -> bool:
        """Make a table, and its namespace if that is not there; whether there was none before.

        Raises `DeliveryFailed`.
        """
        bucket = quote(target.bucket_arn, safe="")
        namespace = {"namespace": [target.namespace]}
        answer = await self._ask(caller, "PUT", f"/namespaces/{bucket}", namespace)
        if answer.status >= 300 and answer.status != CONFLICT:
            raise _refused(answer, f"the namespace {target.namespace} in {target.bucket_arn}")
        table = {"name": target.table, "format": "ICEBERG"}
        answer = await self._ask(caller, "PUT", f"/tables/{bucket}/{target.namespace}", table)
        if answer.status == CONFLICT:
            return False
        if answer.status >= 300:
            raise _refused(answer, f"the table {target.namespace}.{target.table} in {target.bucket_arn}")
        return True

    async def find(self, caller: Caller, target: TableTarget) -> FoundTable:
        """The table as it is now. Raises `DeliveryFailed`."""
        query = {"tableBucketARN": target.bucket_arn, "namespace": target.namespace, "name": target.table}
        answer = await self._ask(caller, "GET", f"/get-table?{urlencode(query)}")
        if answer.status == NOT_FOUND:
            raise DeliveryFailed(TABLE_GONE, f"There is no table {target.namespace}.{target.table}.")
        if answer.status >= 300:
            raise _refused(answer, f"the table {target.namespace}.{target.table} in {target.bucket_arn}")
        found: dict[str, Any] = msgspec.json.decode(answer.body)
        return FoundTable(
            found["warehouseLocation"], found["versionToken"], found.get("metadataLocation") or None
        )

    async def point(
        self, caller: Caller, target: TableTarget, version_token: str, metadata_location: str
    ) -> None:
        """Let a table have other metadata, unless it has changed since. Raises `DeliveryFailed`."""
        bucket = quote(target.bucket_arn, safe="")
        path = f"/tables/{bucket}/{target.namespace}/{target.table}/metadata-location"
        members = {"versionToken": version_token, "metadataLocation": metadata_location}
        answer = await self._ask(caller, "PUT", path, members)
        if answer.status >= 300:
            raise _refused(answer, f"new metadata for {target.namespace}.{target.table}")

    async def _ask(self, caller: Caller, method: str, target: str, members: Any = None) -> Any:
        body = b"" if members is None else msgspec.json.encode(members)
        return await self._services.answer(caller, ServiceRequest("s3tables", method, target, JSON, body))


def _refused(answer: Any, what: str) -> DeliveryFailed:
    text = answer.body[:300].decode("utf-8", "replace")
    return DeliveryFailed(
        f"s3tables.{answer.status}", f"S3 Tables answered {answer.status} for {what}: {text}"
    )
