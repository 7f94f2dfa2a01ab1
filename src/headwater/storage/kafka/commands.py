"""The metadata of a cluster as a log of conditional commands, and what they do: a pure state machine.

Every gateway applies the same commands in the same order, so all agree on which ones had an effect.
A command says which versions it expects; whether they held is decided where it lies in the log.

A proposal that seals logs takes effect in two steps, because the records that are still on their way
decide where a log ends:

    Propose ─► refused | done at once | pending: its keys and logs are locked
    Complete (of a pending one) ─► done: written, sealed with final positions, unlocked

Rules:
- no clock, no randomness, no I/O: the state after a command follows from the state before it;
- a gateway is registered from `Register` to `Forget`; a proposal of one that is not registered is refused;
- a gateway's proposals are numbered upwards; one that comes a second time has no effect.

Refuses to know topics, offsets of records, and how commands travel.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from headwater.storage.interface import Change, Metadata

K = TypeVar("K")

FORMAT = 2
"""Of commands. A gateway that meets a later one stops."""
FORMATS = (1, FORMAT)
"""Those that are known. In the first one versions of a key began at 1 again when it was made anew."""


class Register(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A gateway begins: from here on its producer is fenced where a log is sealed."""

    gateway: int
    """Its producer id."""


class Beat(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The gateway is alive; without effect if it is registered no longer."""

    gateway: int


class Forget(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The gateway is gone, if it has not beaten since so many beats."""

    gateway: int
    beats: int


class Propose(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """A `Change` that a gateway wants."""

    gateway: int
    number: int
    writes: dict[str, bytes | None]
    expected: dict[str, int]
    create: tuple[int, ...]
    seal: tuple[int, ...]
    delete: tuple[int, ...]
    has_later_versions: bool = False
    """Not in the first format: see `State._make`."""


class Complete(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Nobody can append to the logs of a pending proposal any more; where each of them ends."""

    of: int
    finals: dict[int, int]


Command = Register | Beat | Forget | Propose | Complete

_decoder = msgspec.msgpack.Decoder(tuple[int, Command])


class UnknownCommand(Exception):
    """A command of a later format, or what is none: this gateway cannot know what the others know."""


def encode(command: Command) -> bytes:
    """The bytes of a command."""
    return msgspec.msgpack.encode((FORMAT, command))


def decode(data: bytes) -> Command:
    """The command of some bytes. Raises `UnknownCommand`."""
    try:
        command_format, command = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise UnknownCommand(f"a command cannot be read: {error}") from error
    if command_format not in FORMATS:
        raise UnknownCommand(f"a command has format {command_format}, and {FORMAT} is known here")
    return command


class Log(NamedTuple):
    """What is known of one log."""

    closing: int | None = None
    """The pending proposal that seals it, if there is one."""
    final: int | None = None
    """Where it ends for good, once it is sealed."""


class Gateway(NamedTuple):
    """One that is registered."""

    beats: int = 0
    last_number: int = 0


class Pending(NamedTuple):
    """A proposal whose logs are being sealed."""

    proposal: Propose
    logs: tuple[int, ...]
    gateways: tuple[int, ...]
    """Whose producers must be fenced: those that were registered before it."""


class Effect(NamedTuple):
    """What one command has done."""

    keys: Collection[str] = ()
    """Changed in the metadata, or unlocked."""
    logs: Collection[int] = ()
    """Sealed, deleted, or closing from now on."""
    proposal: tuple[int, int] | None = None
    """Gateway and number of the proposal that is decided now."""
    version: int = 0
    """Of the keys that it has made; 0 where nothing was applied."""

    @property
    def is_applied(self) -> bool:
        """What was decided."""
        return self.version > 0


NOTHING = Effect()


class State:
    """What all commands so far have made."""

    def __init__(self) -> None:
        self.metadata: dict[str, Metadata] = {}
        self.logs: dict[int, Log] = {}
        self.gateways: dict[int, Gateway] = {}
        self.pending: dict[int, Pending] = {}
        """By the proposal's place among the commands."""
        self._locked: dict[str, int] = {}

    def is_locked(self, keys: Collection[str]) -> bool:
        """Whether a pending proposal will change one of these keys."""
        return any(key in self._locked for key in keys)

    def apply(self, place: int, command: Command) -> Effect:
        """The effect of the command at `place`, which is made."""
        match command:
            case Register(gateway):
                self.gateways.setdefault(gateway, Gateway())
            case Beat(gateway):
                found = self.gateways.get(gateway)
                if found is not None:
                    self.gateways[gateway] = found._replace(beats=found.beats + 1)
            case Forget(gateway, beats):
                found = self.gateways.get(gateway)
                if found is not None and found.beats == beats:
                    del self.gateways[gateway]
            case Propose():
                return self._propose(place, command)
            case Complete(of, finals):
                return self._complete(of, finals)
        return NOTHING

    def _propose(self, place: int, proposal: Propose) -> Effect:
        gateway = self.gateways.get(proposal.gateway)
        decided = (proposal.gateway, proposal.number)
        if gateway is None:
            return Effect(proposal=decided)
        if proposal.number <= gateway.last_number:
            return NOTHING  # it has come before
        self.gateways[proposal.gateway] = gateway._replace(last_number=proposal.number)
        if not self._may(proposal):
            return Effect(proposal=decided)
        to_seal = tuple(
            log_id
            for log_id in dict.fromkeys((*proposal.seal, *proposal.delete))
            if log_id in self.logs and self.logs[log_id].final is None
        )
        if not to_seal:
            return self._make(place, proposal, {})
        for log_id in to_seal:
            self.logs[log_id] = Log(closing=place)
        self.suspend(place, Pending(proposal, to_seal, tuple(sorted(self.gateways))))
        return Effect(logs=to_seal)

    def suspend(self, place: int, pending: Pending) -> None:
        """Take a proposal for pending, and lock its keys."""
        self.pending[place] = pending
        for key in (*pending.proposal.writes, *pending.proposal.expected):
            self._locked[key] = place

    def become(self, other: State) -> Effect:
        """Be as `other` is, which has seen more commands, and say what that has changed."""
        keys = _changed(self.metadata, other.metadata)
        logs = _changed(self.logs, other.logs)
        self.metadata, self.logs, self.gateways = other.metadata, other.logs, other.gateways
        self.pending, self._locked = other.pending, other._locked
        return Effect(keys=keys, logs=logs, version=1)

    def _may(self, proposal: Propose) -> bool:
        """Whether what it expects holds, and nothing of it is part of another one."""
        for key, version in proposal.expected.items():
            found = self.metadata.get(key)
            if (found.version if found else 0) != version:
                return False
        if self.is_locked((*proposal.writes, *proposal.expected)):
            return False
        nothing = Log()
        return all(
            self.logs.get(log_id, nothing).closing is None for log_id in (*proposal.seal, *proposal.delete)
        )

    def _complete(self, of: int, finals: Mapping[int, int]) -> Effect:
        pending = self.pending.pop(of, None)
        if pending is None:
            return NOTHING  # another one was first
        self._locked = {key: place for key, place in self._locked.items() if place != of}
        made = self._make(of, pending.proposal, finals)
        return made._replace(logs=tuple({*made.logs, *pending.logs}))

    def _make(self, place: int, proposal: Propose, finals: Mapping[int, int]) -> Effect:
        """Do what a proposal says.

        A key that is made has the version of the proposal's place. Each change of a key takes a command, so
        none that was removed has had so high a version: who has slept cannot take one for the other.
        """
        first_version = place + 1 if proposal.has_later_versions else 1
        for key, value in proposal.writes.items():
            before = self.metadata.pop(key, None)
            if value is not None:
                self.metadata[key] = Metadata(before.version + 1 if before else first_version, value)
        for log_id in proposal.create:
            is_sealed = proposal.has_later_versions and log_id in proposal.seal
            self.logs.setdefault(log_id, Log(final=0 if is_sealed else None))
        for log_id, final in finals.items():
            if log_id in self.logs:
                self.logs[log_id] = Log(final=final)
        for log_id in proposal.delete:
            self.logs.pop(log_id, None)
        return Effect(
            keys=tuple(proposal.writes),
            logs=(*proposal.seal, *proposal.delete),
            proposal=(proposal.gateway, proposal.number),
            version=first_version,
        )


def _changed(before: Mapping[K, object], after: Mapping[K, object]) -> tuple[K, ...]:
    return tuple(key for key in {**before, **after} if before.get(key) != after.get(key))


def propose(gateway: int, number: int, change: Change) -> Propose:
    """The proposal of a change."""
    return Propose(
        gateway,
        number,
        dict(change.writes),
        dict(change.expected),
        tuple(change.create_logs),
        tuple(change.seal_logs),
        tuple(change.delete_logs),
        has_later_versions=True,
    )
