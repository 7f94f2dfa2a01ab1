"""Leases in a table of DynamoDB, for workers on any number of machines.

The table has the layout of the Kinesis Client Library (`lease_table`); every change is
one conditional UpdateItem.
"""

from __future__ import annotations

import asyncio
from typing import Any

from headwater.client.calls.aws_service import AwsService
from headwater.client.calls.endpoint import Session
from headwater.client.calls.errors import ServiceError
from headwater.client.leases.kcl_table import (
    CHECKPOINT_OWNER,
    COUNTER,
    KEY,
    OWNER,
    Attributes,
    attributes_of,
    item_of,
    lease_of,
)
from headwater.client.leases.lease import Lease, LeaseChange
from headwater.client.leases.store import StateError

ANSWER_TIMEOUT_S = 5.0
"""Less than a lease lasts: a write that got lost can be made again in time."""
CREATION_POLL_S = 0.5
CREATION_TIMEOUT_S = 120.0
REFUSED = "ConditionalCheckFailedException"


class DynamoDBState:
    """Leases in one table, which is that of one stream and one group of workers."""

    def __init__(
        self,
        table_name: str,
        *,
        create_table: bool = True,
        endpoint_url: str | None = None,
        region_name: str | None = None,
        session: Session | None = None,
    ) -> None:
        """`endpoint_url`, `region_name` and `session` are as boto3's, of DynamoDB.

        A table that is missing is created, and paid by request, unless `create_table` is False.
        Raises `ConfigurationError`.
        """
        self.table_name = table_name
        self._create_table = create_table
        self._service = AwsService(
            "dynamodb", endpoint_url, region_name, session, answer_timeout_s=ANSWER_TIMEOUT_S
        )

    async def open(self) -> None:
        """Wait for the table to be ready. Raises `StateError` when there is none, or it is not in time."""
        try:
            async with asyncio.timeout(CREATION_TIMEOUT_S):
                while (status := await self._status()) != "ACTIVE":
                    if status is None:
                        await self._create()
                    else:
                        await asyncio.sleep(CREATION_POLL_S)
        except TimeoutError:
            late = f"the table {self.table_name} is not ready after {CREATION_TIMEOUT_S:g} s"
            raise StateError(late) from None

    async def close(self) -> None:
        """End the connections."""
        await self._service.close()

    async def leases(self) -> list[Lease]:
        """All leases."""
        request: dict[str, Any] = {"TableName": self.table_name, "ConsistentRead": True}
        found: list[Lease] = []
        while True:
            answer = await self._service.call("Scan", request)
            found += [lease for item in answer["Items"] if (lease := lease_of(item)) is not None]
            if not answer.get("LastEvaluatedKey"):
                return found
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def lease(self, key: str) -> Lease | None:
        """One lease; see `LeaseState`."""
        answer = await self._service.call("GetItem", self._at(key) | {"ConsistentRead": True})
        return lease_of(answer["Item"]) if "Item" in answer else None

    async def create(self, lease: Lease) -> bool:
        """Add a lease; see `LeaseState`."""
        request = {
            "TableName": self.table_name,
            "Item": item_of(lease),
            "ConditionExpression": f"attribute_not_exists({KEY})",
        }
        return await self._unless_refused("PutItem", request) is not None

    async def change(self, change: LeaseChange) -> Lease | None:
        """Apply a change; see `LeaseState`."""
        answer = await self._unless_refused("UpdateItem", self._at(change.key) | _update(change))
        return None if answer is None else lease_of(answer["Attributes"])

    async def delete(self, lease: Lease) -> bool:
        """Remove a lease; see `LeaseState`."""
        condition = {
            "ConditionExpression": f"{COUNTER} = :counter",
            "ExpressionAttributeValues": {":counter": {"N": str(lease.counter)}},
        }
        return await self._unless_refused("DeleteItem", self._at(lease.key) | condition) is not None

    def _at(self, key: str) -> dict[str, Any]:
        return {"TableName": self.table_name, "Key": {KEY: {"S": key}}}

    async def _unless_refused(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return await self._service.call(operation, request)
        except ServiceError as error:
            if error.code == REFUSED:
                return None
            raise

    async def _status(self) -> str | None:
        try:
            answer = await self._service.call("DescribeTable", {"TableName": self.table_name})
        except ServiceError as error:
            if error.code == "ResourceNotFoundException":
                return None
            raise
        status: str = answer["Table"]["TableStatus"]
        # A table whose index is being made, or whose billing changes, can be used meanwhile.
        return "ACTIVE" if status == "UPDATING" else status

    async def _create(self) -> None:
        if not self._create_table:
            raise StateError(f"there is no table {self.table_name}, and create_table is False")
        request = {
            "TableName": self.table_name,
            "AttributeDefinitions": [{"AttributeName": KEY, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        try:
            await self._service.call("CreateTable", request)
        except ServiceError as error:
            if error.code != "ResourceInUseException":  # another worker was first
                raise


def _update(change: LeaseChange) -> dict[str, Any]:
    """The members of UpdateItem that say what must be so, and what is set."""
    values: Attributes = {}
    conditions = [f"attribute_exists({KEY})"]
    sets, removes = [], []
    for number, (name, value) in enumerate(attributes_of(change.sets).items()):
        if value is None:
            removes.append(name)
        else:
            sets.append(f"{name} = :set{number}")
            values[f":set{number}"] = value
    if change.counter is not None:
        conditions.append(f"{COUNTER} = :counter")
        sets.append(f"{COUNTER} = :raised")
        values |= {":counter": {"N": str(change.counter)}, ":raised": {"N": str(change.counter + 1)}}
    if change.owners is not None:
        for name, owner in zip((OWNER, CHECKPOINT_OWNER), change.owners, strict=True):
            if owner is None:
                conditions.append(f"attribute_not_exists({name})")
            else:
                conditions.append(f"{name} = :{name}")
                values[f":{name}"] = {"S": owner}
    expression = [f"SET {', '.join(sets)}"] if sets else []
    expression += [f"REMOVE {', '.join(removes)}"] if removes else []
    return {
        "UpdateExpression": " ".join(expression),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeValues": values,
        "ReturnValues": "ALL_NEW",
    }
