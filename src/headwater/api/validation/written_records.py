"""The fast way to read a request with many records: as what is stored of them, where its body has that.

Rules:
- what `request_types` takes is taken here, too, with the same entries, made when they are asked for;
- of records that were taken out of a body the first one is left in it, and read as any request is.

Refuses to know how records are written.
"""

from __future__ import annotations

from typing import Any

from headwater.api.validation import request_types
from headwater.api.validation.api_model import api_model
from headwater.model.new_records import NewRecords, RecordTexts
from headwater.wire.record_texts import WrittenEntries, records_in, take_records


def read(operation_name: str, body: bytes) -> Any | None:
    """The request in a JSON body, or `None`, as `request_types.read`."""
    request: Any
    taken = take_records(body)
    if taken is not None:
        request = with_records(request_types.read(operation_name, taken.rest), taken.records)
        if request is not None:
            return request
    request = request_types.read(operation_name, body)
    records = None if request is None else records_in(body, request.Records)
    return request if records is None else _replaced(request, records)


def with_records(request: Any, records: NewRecords) -> Any | None:
    """The request with all of its records, of which it was read with the first alone, or `None`."""
    shapes = api_model().shapes
    if request is None or len(records) > (shapes["PutRecordsRequestEntryList"].max or 0):
        return None
    if len(request.Records) != 1:
        return None
    (entry,), (first,) = request.Records, records.picked([0])
    if (entry.Data, entry.PartitionKey, entry.ExplicitHashKey) != first:
        return None
    if not (isinstance(records, RecordTexts) or _are_valid(records)):  # those are as long as the first
        return None
    return _replaced(request, records)


def _are_valid(records: NewRecords) -> bool:
    """Whether data and keys, which are in ASCII, are as long as they may be."""
    data, key = (api_model().shapes[name] for name in ("Data", "PartitionKey"))
    lengths = [len(partition_key or "") for partition_key in records.partition_keys]
    return (
        max(records.data_bytes()) <= (data.max or 0)
        and min(lengths) >= (key.min or 0)
        and max(lengths) <= (key.max or 0)
    )


def _replaced(request: Any, records: NewRecords) -> Any:
    request.Records = WrittenEntries(records, type(request.Records[0]))
    return request
