"""Changes of items as moto makes them, and as the record in a stream that tells one.

Rules, from the developer guide and records that were seen:
- a change is told by keys and both images; what changes nothing is no change;
- a transaction that fails has changed nothing;
- an item's partition key in the stream is a digest of its key, so its changes keep their order;
- times are milliseconds, or microseconds where the destination says so, and then the record says it too;
- the size is that of keys and images, attribute names included.

Moto makes a new item in UpdateItem by two steps of its own, which are one change here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import md5
from typing import Any, NamedTuple, cast

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from headwater.neighbours.dynamodb.moments import now_s, random_uuid

MICROSECOND = "MICROSECOND"

Image = dict[str, Any]


class ItemChange(NamedTuple):
    """An item before and after."""

    table: Table
    keys: Image
    before: Image | None
    after: Image | None

    @property
    def event_name(self) -> str:
        """As in the record."""
        if self.before is None:
            return "INSERT"
        return "REMOVE" if self.after is None else "MODIFY"

    @property
    def partition_key(self) -> str:
        """The same for all changes of an item."""
        text = json.dumps(self.keys, sort_keys=True, default=_base64)
        return md5(text.encode(), usedforsecurity=False).hexdigest().upper()

    def record(self, precision: str) -> bytes:
        """What the stream gets."""
        images = {"NewImage": self.after, "OldImage": self.before}
        told = {name: image for name, image in images.items() if image is not None}
        time_s = now_s()
        is_micro = precision == MICROSECOND
        change = {
            "ApproximateCreationDateTime": int(time_s * (1_000_000 if is_micro else 1_000)),
            "Keys": self.keys,
            **told,
            "SizeBytes": sum(map(item_bytes, (self.keys, *told.values()))),
        }
        if is_micro:
            change["ApproximateCreationDateTimePrecision"] = precision
        document = {
            "awsRegion": self.table.region_name,
            "eventID": random_uuid(),
            "eventName": self.event_name,
            "userIdentity": None,
            "recordFormat": "application/json",
            "tableName": self.table.name,
            "dynamodb": change,
            "eventSource": "aws:dynamodb",
        }
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=_base64).encode()


_CHANGES: ContextVar[list[ItemChange] | None] = ContextVar("_CHANGES", default=None)
"""Those of the request that is under way."""


@contextmanager
def changes_collected() -> Iterator[list[ItemChange]]:
    """The changes that are made within, of tables that somebody follows."""
    changes: list[ItemChange] = []
    before = _CHANGES.set(changes)
    try:
        yield changes
    finally:
        _CHANGES.reset(before)


def is_followed(table: Table) -> bool:
    """Whether changes of a table are to be told."""
    return any(each["DestinationStatus"] == "ACTIVE" for each in destinations_of(table))


def destinations_of(table: Table) -> list[dict[str, str]]:
    """Where its changes are told, as DynamoDB describes it; the list is the table's own."""
    found: list[dict[str, str]] = vars(table).setdefault("kinesis_destinations", [])
    return found


_put: Callable[..., Any] = Table.put_item
_delete: Callable[..., Any] = Table.delete_item
_update: Callable[..., Any] = DynamoDBBackend.update_item


def put_item(table: Table, item_attrs: dict[str, Any], *arguments: Any, **named: Any) -> Item:
    """PutItem, in a table."""
    changes = _CHANGES.get()
    if changes is None or not is_followed(table):
        return cast("Item", _put(table, item_attrs, *arguments, **named))
    before = _image(_found(table, item_attrs))
    item: Item = _put(table, item_attrs, *arguments, **named)
    _note(changes, table, before, _image(item))
    return item


def delete_item(table: Table, hash_key: DynamoType, range_key: DynamoType | None) -> Item | None:
    """DeleteItem, in a table."""
    item: Item | None = _delete(table, hash_key, range_key)
    changes = _CHANGES.get()
    if changes is not None and item is not None and is_followed(table):
        _note(changes, table, _image(item), None)
    return item


def update_item(
    backend: DynamoDBBackend, table_name: str, key: dict[str, Any], *arguments: Any, **named: Any
) -> Item:
    """UpdateItem, which puts an item of its key alone first where there is none."""
    changes, table = _CHANGES.get(), backend.tables.get(table_name)
    if changes is None or table is None or not is_followed(table):
        return cast("Item", _update(backend, table_name, key, *arguments, **named))
    before = _image(_found(table, key))
    inner = _CHANGES.set(None)
    try:
        item: Item = _update(backend, table_name, key, *arguments, **named)
    finally:
        _CHANGES.reset(inner)
    _note(changes, table, before, _image(item))
    return item


def _found(table: Table, attributes: Mapping[str, Any]) -> Item | None:
    """The item that is there with these keys, if they are whole."""
    range_name = table.range_key_attr
    if table.hash_key_attr not in attributes or (range_name is not None and range_name not in attributes):
        return None
    range_key = None if range_name is None else DynamoType(attributes[range_name])
    return table.get_item(DynamoType(attributes[table.hash_key_attr]), range_key)


def _image(item: Item | None) -> Image | None:
    """An item as it is now: moto changes items in place."""
    if item is None:
        return None
    image: Image = json.loads(json.dumps(item.to_json()["Attributes"], default=_base64))
    return image


def _note(changes: list[ItemChange], table: Table, before: Image | None, after: Image | None) -> None:
    if before == after:
        return
    present = after if after is not None else before
    assert present is not None
    keys = {name: present[name] for name in table.table_key_attrs}
    changes.append(ItemChange(table, keys, before, after))


def _base64(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def item_bytes(image: Image) -> int:
    """The size of attributes, names included, as the developer guide counts it."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in image.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    (kind, held), *_ = value.items()
    if kind == "M":
        return 3 + len(held) + item_bytes(held)
    if kind == "L":
        return 3 + sum(1 + _value_bytes(each) for each in held)
    if kind.endswith("S") and kind != "S":
        return sum(_scalar_bytes(kind[0], each) for each in held)
    return _scalar_bytes(kind, held)


def _scalar_bytes(kind: str, held: Any) -> int:
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "N":
        return len(str(held).strip("-").replace(".", "")) // 2 + 1
    return len(str(held).encode()) if kind == "S" else len(base64.b64decode(held))


MENDED: tuple[tuple[Any, str, Any], ...] = (
    (Table, "put_item", put_item),
    (Table, "delete_item", delete_item),
    (DynamoDBBackend, "update_item", update_item),
)
"""Where, what, and what takes its place."""
