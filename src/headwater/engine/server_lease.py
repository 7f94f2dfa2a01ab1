"""Which of several servers over the same data does what must be done once.

    lease/holder    the server that does it; written only when that changes, and never removed
    lease/beat      written by the holder every second

Rules:
- who finds nobody, or a holder that has been silent for three seconds, writes itself into `lease/holder`, on
  condition that neither key has changed: of several that try, one wins;
- a commit under the lease has `fence()` among its conditions: of a holder that slept while another one took
  over, nothing is done;
- for what is no commit, `is_held` ends two seconds after the holder began the latest beat that it has seen
  confirmed. Nobody takes over sooner, so two never hold it at once, if their clocks run at the same rate;
- a server that is stopped gives the lease up, and the next one need not wait.

Without others over the same data, the lease is always held, and costs nothing.

Refuses to know what is done under it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec

from headwater.model.completion import drive
from headwater.storage.interface import Change, Metadata, Store, StoreUnavailable

KIND = "lease"
BEAT_MS = 1_000
HELD_MS = 2_000
SILENT_MS = 3_000

_HOLDER = f"{KIND}/holder"
_BEAT = f"{KIND}/beat"
_NOBODY = b""


class Holder(msgspec.Struct, frozen=True, array_like=True):
    """The value of `lease/holder`."""

    server_id: bytes
    """New with each start."""
    name: str
    """For people."""


class LeaseStatus(msgspec.Struct, frozen=True):
    """The lease as one server knows it."""

    holder: str | None
    """Its name; `None` while it is nobody's."""
    is_held: bool
    """Whether this server is the holder, and may act."""


_decoder = msgspec.msgpack.Decoder(Holder)


class ServerLease:
    """The lease, as one server sees it."""

    def __init__(self, store: Store, now_ms: Callable[[], int], server_id: bytes, name: str) -> None:
        self._store = store
        self._now_ms = now_ms
        self._own = msgspec.msgpack.encode(Holder(server_id, name))
        self._confirmed_ms: int | None = None
        """When the latest beat was begun that is known to have been written."""
        self._seen_ms = now_ms()
        """When the holder, or a beat of it, was seen last."""
        self._is_asking = False

    @property
    def is_needed(self) -> bool:
        """Whether there may be other servers over the same data."""
        return self._store.is_shared

    @property
    def is_held(self) -> bool:
        """Whether this server may do what must be done once."""
        if not self._store.is_shared:
            return True
        if self._confirmed_ms is None or not self._is_own(self._holder()):
            return False
        return 0 <= self._now_ms() - self._confirmed_ms < HELD_MS

    @property
    def is_own(self) -> bool:
        """Whether nobody is known to have taken it over from this server, however long it has slept."""
        return not self._store.is_shared or self._is_own(self._holder())

    def fence(self) -> Mapping[str, int]:
        """What a commit under the lease must expect: it fails once another server has taken over.

        Of a server that does not hold the lease, it always fails.
        """
        if not self._store.is_shared:
            return {}
        holder = self._holder()
        return {_HOLDER: holder.version if holder is not None and self._is_own(holder) else -1}

    def status(self) -> LeaseStatus | None:
        """Who holds it; `None` where nobody else could."""
        if not self._store.is_shared:
            return None
        holder = self._holder()
        is_somebody = holder is not None and holder.value != _NOBODY
        name = _decoder.decode(holder.value).name if holder is not None and is_somebody else None
        return LeaseStatus(name, self.is_held)

    def take_over(self, found: Metadata | None) -> None:
        """Another server has written one of the keys. Raises `msgspec.MsgspecError`."""
        self._seen_ms = self._now_ms()
        if found is not None and found.value != _NOBODY:
            _decoder.decode(found.value)

    def tick(self, now_ms: int) -> None:
        """Beat, or take what nobody holds any more."""
        if not self._store.is_shared or self._is_asking:
            return
        with suppress(StoreUnavailable):  # then there is nothing to be done
            holder = self._holder()
            if holder is not None and self._is_own(holder):
                self._beat(holder, now_ms)
            elif holder is None or holder.value == _NOBODY or self._is_silent(now_ms):
                self._take(holder, now_ms)

    async def release(self) -> None:
        """Give it up, if it is held here. Call it last: a tick would take it again."""
        if not self._store.is_shared:
            return
        holder = self._holder()
        if holder is not None and self._is_own(holder):
            self._confirmed_ms = None
            with suppress(StoreUnavailable):  # the others will find the holder silent
                await self._store.commit(Change({_HOLDER: _NOBODY}, {_HOLDER: holder.version}))

    def _holder(self) -> Metadata | None:
        """What is known of it; `None` from a store that is closed, too."""
        try:
            return self._store.metadata_of(_HOLDER)
        except StoreUnavailable:
            return None

    def _is_own(self, holder: Metadata | None) -> bool:
        return holder is not None and holder.value == self._own

    def _is_silent(self, now_ms: int) -> bool:
        self._seen_ms = min(self._seen_ms, now_ms)  # the clock may have been set back
        return now_ms - self._seen_ms >= SILENT_MS

    def _beat(self, holder: Metadata, now_ms: int) -> None:
        confirmed_ms = self._confirmed_ms
        if confirmed_ms is None or not 0 <= now_ms - confirmed_ms < BEAT_MS:
            self._ask(Change({_BEAT: b""}, {_HOLDER: holder.version}), now_ms)

    def _take(self, holder: Metadata | None, now_ms: int) -> None:
        beat = self._store.metadata_of(_BEAT)
        expected = {_HOLDER: holder.version if holder else 0, _BEAT: beat.version if beat else 0}
        self._ask(Change({_HOLDER: self._own, _BEAT: b""}, expected), now_ms)

    def _ask(self, change: Change, now_ms: int) -> None:
        self._is_asking = True

        def asked(is_made: bool | None, error: BaseException | None) -> None:
            self._is_asking = False
            if is_made:
                self._confirmed_ms = now_ms
            elif error is not None and not isinstance(error, StoreUnavailable):
                raise error

        drive(self._commit(change), asked)

    async def _commit(self, change: Change) -> bool:
        return await self._store.commit(change) > 0
