"""The bytes of a snapshot: the state that all commands before a place have made, cut into pieces.

A snapshot lies in a topic as pieces that each say of which whole they are, so that two gateways may write
one at the same time: equal states have equal bytes, and pieces of equal wholes stand for each other.

Refuses to know topics, and when a snapshot is made.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec

from headwater.storage.interface import Metadata
from headwater.storage.kafka.commands import Gateway, Log, Pending, Propose, State

FORMAT = 1
"""Of pieces and states. Who meets a later one must not guess."""
PIECE_BYTES = 512 * 1024
"""Half of the largest record that Kafka takes by default."""


class UnknownSnapshot(Exception):
    """A snapshot of a later format, or what is none."""


class _StoredState(msgspec.Struct, frozen=True, array_like=True):
    metadata: tuple[tuple[str, int, bytes], ...]
    logs: tuple[tuple[int, int | None, int | None], ...]
    gateways: tuple[tuple[int, int, int], ...]
    pending: tuple[tuple[int, Propose, tuple[int, ...], tuple[int, ...]], ...]


class _Piece(msgspec.Struct, frozen=True, array_like=True):
    format: int
    next: int
    """The place of the first command that the state has not seen."""
    digest: bytes
    """Of the whole state."""
    index: int
    count: int
    data: bytes


class MetadataSnapshot(NamedTuple):
    """A whole snapshot that was read."""

    next: int
    first: int
    """Where its first piece lies in its topic."""
    data: bytes


_state_decoder = msgspec.msgpack.Decoder(_StoredState)
_piece_decoder = msgspec.msgpack.Decoder(_Piece)


def pack_state(state: State) -> bytes:
    """A state; equal ones have equal bytes."""
    return msgspec.msgpack.encode(
        _StoredState(
            tuple((key, *found) for key, found in sorted(state.metadata.items())),
            tuple((log_id, *log) for log_id, log in sorted(state.logs.items())),
            tuple((gateway, *found) for gateway, found in sorted(state.gateways.items())),
            tuple((place, *pending) for place, pending in sorted(state.pending.items())),
        )
    )


def unpack_state(data: bytes) -> State:
    """The state of some bytes. Raises `UnknownSnapshot`."""
    try:
        stored = _state_decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise UnknownSnapshot(f"a snapshot cannot be read: {error}") from error
    state = State()
    state.metadata.update((key, Metadata(version, value)) for key, version, value in stored.metadata)
    state.logs.update((log_id, Log(closing, final)) for log_id, closing, final in stored.logs)
    state.gateways.update((gateway, Gateway(beats, last)) for gateway, beats, last in stored.gateways)
    for place, proposal, logs, gateways in stored.pending:
        state.suspend(place, Pending(proposal, logs, gateways))
    return state


def pieces_of(state: bytes, next_place: int) -> list[bytes]:
    """The records of a snapshot: of a packed state, before the command at `next_place`."""
    digest = hashlib.sha256(state).digest()
    starts = range(0, max(1, len(state)), PIECE_BYTES)
    return [
        msgspec.msgpack.encode(
            _Piece(FORMAT, next_place, digest, index, len(starts), state[start : start + PIECE_BYTES])
        )
        for index, start in enumerate(starts)
    ]


class Assembly:
    """Puts together what a topic has."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, bytes], dict[int, tuple[int, _Piece]]] = {}

    def add(self, position: int, data: bytes) -> None:
        """Take the record at a position. Raises `UnknownSnapshot`."""
        try:
            piece = _piece_decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise UnknownSnapshot(f"a piece of a snapshot cannot be read: {error}") from error
        if piece.format != FORMAT:
            raise UnknownSnapshot(f"a snapshot has format {piece.format}, and {FORMAT} is known here")
        self._found.setdefault((piece.next, piece.digest), {}).setdefault(piece.index, (position, piece))

    def whole(self) -> list[MetadataSnapshot]:
        """Those of which every piece is there, the newest last."""
        found = []
        for (next_place, digest), pieces in self._found.items():
            first, any_piece = next(iter(pieces.values()))
            if len(pieces) < any_piece.count:
                continue
            data = b"".join(piece.data for _, (_, piece) in sorted(pieces.items()))
            if hashlib.sha256(data).digest() == digest:
                found.append(
                    MetadataSnapshot(next_place, min(first, *(at for at, _ in pieces.values())), data)
                )
        return sorted(found)
