"""A store as one stream of bytes, which tells whether it has arrived whole.

    head · entry · entry · … · end

| part  | bytes                                                                             |
| ----- | --------------------------------------------------------------------------------- |
| head  | `headwater-backup`, a line feed, version of this format and of the store's (u16)  |
| entry | table (u8), length of the key (u16) and of the value (u32), the key, the value    |
| end   | 255 (u8), 0 (u16), 32 (u32), the SHA-256 of everything before the end             |

Numbers are big-endian. A table is counted as in `record_format.TABLE_NAMES`, and keys and
values are those of that file; the records come in the order of their keys.

Refuses to know where the entries are from, and where they go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from struct import Struct
from typing import IO, NamedTuple

from headwater.storage.interface import StoreUnreadable
from headwater.storage.lmdb.record_format import (
    FORMAT_VERSION,
    FORMAT_VERSION_WITHOUT_CHECKSUMS,
    TABLE_NAMES,
    with_checksum,
)

BACKUP_VERSION = 1
RECORDS, LOGS, METADATA = range(len(TABLE_NAMES))
OLD_VERSIONS = (BACKUP_VERSION, FORMAT_VERSION_WITHOUT_CHECKSUMS)
KNOWN_VERSIONS = ((BACKUP_VERSION, FORMAT_VERSION), OLD_VERSIONS)
_NAME = b"headwater-backup\n"
_VERSIONS = Struct(">HH")
_ENTRY = Struct(">BHI")
_END = 255


class BackupUnreadable(StoreUnreadable):
    """A file that is no backup, of an unknown version, damaged, or cut short."""


class BackupEntry(NamedTuple):
    """A row of one of the store's tables."""

    table: int
    key: bytes
    value: bytes


class BackupWriter:
    """Entries to bytes."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def head(self) -> bytes:
        """How it begins."""
        return self._counted(_NAME + _VERSIONS.pack(BACKUP_VERSION, FORMAT_VERSION))

    def entries(self, entries: list[BackupEntry]) -> bytes:
        """Those that come next."""
        parts: list[bytes] = []
        for table, key, value in entries:
            parts += (_ENTRY.pack(table, len(key), len(value)), key, value)
        return self._counted(b"".join(parts))

    def end(self) -> bytes:
        """How it ends."""
        return _ENTRY.pack(_END, 0, self._digest.digest_size) + self._digest.digest()

    def _counted(self, data: bytes) -> bytes:
        self._digest.update(data)
        return data


def read_backup(file: IO[bytes]) -> Iterator[BackupEntry]:
    """Every entry. Raises `BackupUnreadable`, for what is damaged or missing at the end after the entries."""
    digest = hashlib.sha256()

    def take(size: int) -> bytes:
        data = file.read(size)
        if len(data) < size:
            raise BackupUnreadable("the backup is cut short")
        return data

    # 1. The head: a name, and versions that this Headwater reads.
    head = file.read(len(_NAME) + _VERSIONS.size)
    if len(head) < len(_NAME) + _VERSIONS.size or not head.startswith(_NAME):
        raise BackupUnreadable("this is no backup of Headwater")
    versions = _VERSIONS.unpack_from(head, len(_NAME))
    if versions not in KNOWN_VERSIONS:
        raise BackupUnreadable(
            f"the backup has format version {versions[0]} of data of version {versions[1]};"
            f" this Headwater reads {BACKUP_VERSION} of {FORMAT_VERSION}"
        )
    # 2. The entries, each with its table, key and value; all go into the digest.
    digest.update(head)
    while True:
        entry_head = take(_ENTRY.size)
        table, key_bytes, value_bytes = _ENTRY.unpack(entry_head)
        if table == _END:
            break
        if table >= len(TABLE_NAMES):
            raise BackupUnreadable("the backup is damaged")
        key, value = take(key_bytes), take(value_bytes)
        digest.update(entry_head)
        digest.update(key)
        digest.update(value)
        yield _present(BackupEntry(table, key, value), versions)
    # 3. The end: an entry with the digest, and nothing behind it.
    if (key_bytes, value_bytes) != (0, digest.digest_size) or take(value_bytes) != digest.digest():
        raise BackupUnreadable("the backup is damaged: it does not match its checksum")
    if file.read(1):
        raise BackupUnreadable("the backup is damaged: something follows its end")


def _present(entry: BackupEntry, versions: tuple[int, ...]) -> BackupEntry:
    """The entry as the present version of the store has it."""
    if versions == OLD_VERSIONS and entry.table != RECORDS:
        return entry._replace(value=with_checksum(entry.key, entry.value))
    return entry
