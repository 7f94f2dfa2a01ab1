"""The versions of keys, as their keeper has been told of them: what its next change of them expects.

Of several servers over the same data each keeper has its own. A change is made of what its maker knows; if
somebody else was first, nothing is changed, and the maker has been told what it did not know: it looks again.

Refuses to know what keys hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from headwater.engine.engine import Engine
from headwater.engine.kind_watchers import Told
from headwater.storage.interface import Metadata

NOTHING: Mapping[str, int] = MappingProxyType({})
NO_WRITES: Mapping[str, bytes] = MappingProxyType({})


class Overtaken(Exception):
    """Somebody else has changed first what a change was made of: look again, and make another one."""


class HeldVersions:
    """The versions of one keeper's keys."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._versions: dict[str, int] = {}

    def open(self, kinds: Collection[str], hold: Told, told: Told) -> None:
        """Give every key of these kinds to `hold`, and to `told` from now on what other servers have changed.

        Raises what these raise.
        """
        for kind in kinds:
            self._engine.kind_watchers.watch(kind, told)
        for key, found in self._engine.store.metadata().items():
            if key.partition("/")[0] in kinds:
                hold(key, found)

    def hold(self, key: str, found: Metadata | None) -> None:
        """A key is known to have this now; `None`: it is gone."""
        if found is None:
            self._versions.pop(key, None)
        else:
            self._versions[key] = found.version

    def version(self, key: str) -> int:
        """Of a key; 0 where there is none."""
        return self._versions.get(key, 0)

    async def commit(
        self,
        writes: Mapping[str, bytes | None],
        also: Mapping[str, bytes | None] = NO_WRITES,
        expected: Mapping[str, int] = NOTHING,
    ) -> None:
        """Write keys, each as it is known here, and `also` keys of others, if what is `expected` holds.

        Raises `Overtaken` and `StoreUnavailable`.
        """
        before = {key: self.version(key) for key in writes}
        made = await self._engine.write_metadata({**also, **writes}, {**before, **expected})
        if not made:
            raise Overtaken
        for key, value in writes.items():
            if value is None:
                self._versions.pop(key, None)
            else:
                self._versions[key] = before[key] + 1 if before[key] else made


async def catch_up(engine: Engine) -> None:
    """Wait until this server knows what anybody was told before. Raises `StoreUnavailable`."""
    if engine.store.is_shared:
        await engine.store.catch_up()
