"""Records that are to be stored, by columns: what a producer gives in one call.

Most steps on their way to the store are one call for all of them.

Refuses to know shards and limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TypeAlias, TypeVar

from headwater.model.alike_records import encode_alike
from headwater.model.record import ENCRYPTED, decode_data, encode_payloads, record_sizes

T = TypeVar("T")

NewRecord: TypeAlias = tuple[bytes, str | None, str | None]
"""What a producer gives: data, partition key, explicit hash key."""


class NewRecords:
    """`NewRecord` by columns."""

    __slots__ = ("_datas", "explicit_hash_keys", "partition_keys")

    def __init__(
        self,
        datas: Sequence[bytes],
        partition_keys: Sequence[str | None],
        explicit_hash_keys: Sequence[str | None],
    ) -> None:
        """The columns are of one length."""
        self._datas = datas
        self.partition_keys = partition_keys
        self.explicit_hash_keys = explicit_hash_keys

    def __len__(self) -> int:
        return len(self.partition_keys)

    def __iter__(self) -> Iterator[NewRecord]:
        return zip(self._datas, self.partition_keys, self.explicit_hash_keys, strict=True)

    def data_bytes(self) -> Sequence[int]:
        """How much data each has."""
        return list(map(len, self._datas))

    def written(self, *, encrypted: bool) -> tuple[Sequence[bytes], Sequence[int]]:
        """The payload of each, and its `record_size`."""
        datas, keys = self._datas, self.partition_keys
        payloads = encode_alike(datas, keys, encrypted=encrypted)
        if payloads is None:
            payloads = encode_payloads(datas, keys, encrypted=encrypted)
        return payloads, record_sizes(datas, keys)

    def picked(self, ats: Sequence[int]) -> NewRecords:
        """Those at some places."""
        return NewRecords(
            picked(self._datas, ats), picked(self.partition_keys, ats), picked(self.explicit_hash_keys, ats)
        )


class RecordTexts(NewRecords):
    """Small records with keys in ASCII, and no more, whose texts are there: that is what is stored."""

    __slots__ = ("_data_bytes", "_sizes", "_texts")

    def __init__(
        self,
        texts: Sequence[bytes],
        partition_keys: Sequence[str | None],
        data_bytes: Sequence[int],
        sizes: Sequence[int],
    ) -> None:
        """The columns are of one length; `sizes` has each one's `record_size`."""
        super().__init__((), partition_keys, [None] * len(texts))
        self._texts = texts
        self._data_bytes = data_bytes
        self._sizes = sizes

    def __iter__(self) -> Iterator[NewRecord]:
        return zip(decode_data(self._texts), self.partition_keys, self.explicit_hash_keys, strict=True)

    def data_bytes(self) -> Sequence[int]:
        """How much data each has."""
        return self._data_bytes

    def written(self, *, encrypted: bool) -> tuple[Sequence[bytes], Sequence[int]]:
        """The payload of each, and its `record_size`."""
        return [text + ENCRYPTED for text in self._texts] if encrypted else self._texts, self._sizes

    def picked(self, ats: Sequence[int]) -> NewRecords:
        """Those at some places."""
        return RecordTexts(
            picked(self._texts, ats),
            picked(self.partition_keys, ats),
            picked(self._data_bytes, ats),
            picked(self._sizes, ats),
        )


def even_texts(texts: Sequence[bytes], keys: Sequence[bytes], data_bytes: int) -> RecordTexts:
    """The same of records with as much data each; keys are in ASCII."""
    sizes = [data_bytes + len(key) for key in keys]
    return RecordTexts(texts, list(map(bytes.decode, keys)), [data_bytes] * len(texts), sizes)


def picked(column: Sequence[T], ats: Sequence[int]) -> Sequence[T]:
    """What a column has at some places, in their order; if these are as many as it has, they are all."""
    if len(ats) == len(column):
        return column
    return [column[ats[0]]] if len(ats) == 1 else itemgetter(*ats)(column)
