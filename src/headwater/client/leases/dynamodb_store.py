"""A lease store in a table of DynamoDB, for workers on any number of machines.

The table has the layout of the Kinesis Client Library (`kcl_table`); every change is
one conditional UpdateItem.

In that layout a table is for one stream. So each lease that is written names its stream
besides the library's attributes. A lease that names another one is never written, and a worker
that meets it ends with a `StateError`. Leases of the library's own name none: they get the
name when the table is opened, unless it shows that they are another stream's.
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
    STREAM,
    Attributes,
    attributes_of,
    item_of,
    lease_of,
    stream_of,
)
from headwater.client.leases.lease import Lease, LeaseChange
from headwater.client.leases.store import StateError
from headwater.client.leases.stream_identity import ListShards, StreamIdentity, contradiction

ANSWER_TIMEOUT_S = 5.0
"""The time-out of a call, less than a lease lasts: a lost write can be retried in time."""
CREATION_POLL_S = 0.5
CREATION_TIMEOUT_S = 120.0
REFUSED = "ConditionalCheckFailedException"
NAMES_NO_OTHER = f"(attribute_not_exists({STREAM}) OR {STREAM} = :stream)"
"""The condition of every write: the lease names this stream, or none."""


class DynamoDBState:
    """A lease store in DynamoDB: one table for one stream and one group of workers."""

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

        A missing table is created, paid per request, unless `create_table` is False.
        Raises `ConfigurationError`.
        """
        self.table_name = table_name
        self._create_table = create_table
        self._service = AwsService(
            "dynamodb", endpoint_url, region_name, session, answer_timeout_s=ANSWER_TIMEOUT_S
        )

    async def open(self, stream: StreamIdentity, list_shards: ListShards) -> DynamoDBLeases:
        """The leases of the table; see `LeaseStore`.

        Raises `StateError` when there is no table, it is not ready in time, or it is another stream's.
        """
        service = self._service.twin()
        try:
            await self._wait_until_ready(service)
            leases = DynamoDBLeases(self.table_name, service, stream.key)
            await leases.claim(list_shards)
        except BaseException:
            await service.close()
            raise
        return leases

    async def _wait_until_ready(self, service: AwsService) -> None:
        try:
            async with asyncio.timeout(CREATION_TIMEOUT_S):
                while (status := await self._status(service)) != "ACTIVE":
                    if status is None:
                        await self._create(service)
                    else:
                        await asyncio.sleep(CREATION_POLL_S)
        except TimeoutError:
            late = f"the table {self.table_name} is not ready after {CREATION_TIMEOUT_S:g} s"
            raise StateError(late) from None

    async def _status(self, service: AwsService) -> str | None:
        try:
            answer = await service.call("DescribeTable", {"TableName": self.table_name})
        except ServiceError as error:
            if error.code == "ResourceNotFoundException":
                return None
            raise
        status: str = answer["Table"]["TableStatus"]
        # A table whose index is being made, or whose billing changes, can be used meanwhile.
        return "ACTIVE" if status == "UPDATING" else status

    async def _create(self, service: AwsService) -> None:
        if not self._create_table:
            raise StateError(f"there is no table {self.table_name}, and create_table is False")
        request = {
            "TableName": self.table_name,
            "AttributeDefinitions": [{"AttributeName": KEY, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        try:
            await service.call("CreateTable", request)
        except ServiceError as error:
            if error.code != "ResourceInUseException":  # another worker was first
                raise


class DynamoDBLeases:
    """The leases of one table: a `StreamLeases`."""

    def __init__(self, table_name: str, service: AwsService, stream: str) -> None:
        """`service` is its own from now on; `stream` is an identity's key."""
        self._table_name = table_name
        self._service = service
        self._stream = stream

    async def claim(self, list_shards: ListShards) -> None:
        """Write this stream's name into leases without one. Raises `StateError` if they are another's."""
        unnamed: list[Lease] = []
        for item in await self._items():
            lease = self._own(item)
            if lease is not None and stream_of(item) is None:
                unnamed.append(lease)
        if not unnamed:
            return
        shards = {shard.shard_id: shard for shard in await list_shards()}
        for lease in unnamed:
            reason = contradiction(lease, shards)
            if reason is not None:
                raise self._of_another(f"a stream that it does not name: {reason}")
        for lease in unnamed:
            named = await self._unless_refused(
                "UpdateItem", self._at(lease.key) | _update(LeaseChange(lease.key, {}), self._stream)
            )
            if named is None:
                await self.lease(lease.key)  # it is gone, or another's

    async def close(self) -> None:
        """End the connections."""
        await self._service.close()

    async def leases(self) -> list[Lease]:
        """All leases. Raises `StateError` when one of them is another stream's."""
        return [lease for item in await self._items() if (lease := self._own(item)) is not None]

    async def lease(self, key: str) -> Lease | None:
        """One lease; see `StreamLeases`. Raises `StateError` when it is another stream's."""
        answer = await self._service.call("GetItem", self._at(key) | {"ConsistentRead": True})
        return self._own(answer["Item"]) if "Item" in answer else None

    async def create(self, lease: Lease) -> bool:
        """Add a lease; see `StreamLeases`. Raises `StateError` when there is another stream's."""
        request = {
            "TableName": self._table_name,
            "Item": item_of(lease) | {STREAM: {"S": self._stream}},
            "ConditionExpression": f"attribute_not_exists({KEY})",
        }
        if await self._unless_refused("PutItem", request) is not None:
            return True
        await self.lease(lease.key)
        return False

    async def change(self, change: LeaseChange) -> Lease | None:
        """Apply a change; see `StreamLeases`."""
        request = self._at(change.key) | _update(change, self._stream)
        answer = await self._unless_refused("UpdateItem", request)
        return None if answer is None else lease_of(answer["Attributes"])

    async def delete(self, lease: Lease) -> bool:
        """Remove a lease; see `StreamLeases`."""
        condition = {
            "ConditionExpression": f"{COUNTER} = :counter AND {NAMES_NO_OTHER}",
            "ExpressionAttributeValues": {
                ":counter": {"N": str(lease.counter)},
                ":stream": {"S": self._stream},
            },
        }
        return await self._unless_refused("DeleteItem", self._at(lease.key) | condition) is not None

    async def _items(self) -> list[Attributes]:
        request: dict[str, Any] = {"TableName": self._table_name, "ConsistentRead": True}
        found: list[Attributes] = []
        while True:
            answer = await self._service.call("Scan", request)
            found += answer["Items"]
            if not answer.get("LastEvaluatedKey"):
                return found
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _own(self, item: Attributes) -> Lease | None:
        """The lease in an item, if there is one."""
        lease = lease_of(item)
        named = stream_of(item)
        if lease is not None and named not in (None, self._stream):
            raise self._of_another(str(named))
        return lease

    def _of_another(self, which: str) -> StateError:
        return StateError(
            f"the table {self._table_name} has leases of {which}. It cannot be used for {self._stream}: "
            "a table is for one stream, and for none of the same name that was made again later"
        )

    def _at(self, key: str) -> dict[str, Any]:
        return {"TableName": self._table_name, "Key": {KEY: {"S": key}}}

    async def _unless_refused(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return await self._service.call(operation, request)
        except ServiceError as error:
            if error.code == REFUSED:
                return None
            raise


def _update(change: LeaseChange, stream: str) -> dict[str, Any]:
    """The members of UpdateItem for a change: its condition, and what is set with the stream's name."""
    values: Attributes = {":stream": {"S": stream}}
    conditions = [f"attribute_exists({KEY})", NAMES_NO_OTHER]
    sets, removes = [f"{STREAM} = :stream"], []
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
    expression = [f"SET {', '.join(sets)}"]
    expression += [f"REMOVE {', '.join(removes)}"] if removes else []
    return {
        "UpdateExpression": " ".join(expression),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeValues": values,
        "ReturnValues": "ALL_NEW",
    }
