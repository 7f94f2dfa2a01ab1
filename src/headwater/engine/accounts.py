"""The settings of every account and region, held as the store has them.

Refuses to know what they mean.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headwater.engine import stored_values
from headwater.engine.account import AccountSettings, HeldAccount
from headwater.model.caller import Caller
from headwater.storage.interface import Change, Metadata, Store


class Accounts:
    """Those that have settings."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[Caller, HeldAccount] = {}

    def take_over(self, key: str, found: Metadata | None) -> None:
        """Hold what a key has. Raises `msgspec.MsgspecError`, `ValueError`."""
        caller = stored_values.account_in(key)
        if found is None:
            self._held.pop(caller, None)
        else:
            self._held[caller] = HeldAccount(stored_values.stored_account(key, found.value), found.version)

    def callers(self) -> list[Caller]:
        """The accounts and regions."""
        return list(self._held)

    def clear(self) -> None:
        """The store has none any more."""
        self._held.clear()

    def settings(self, caller: Caller) -> AccountSettings:
        """The settings of an account in a region, as of now."""
        held = self._held.get(caller)
        return held.settings if held else AccountSettings(account_id=caller.account_id, region=caller.region)

    async def revise(
        self, caller: Caller, change: Callable[[AccountSettings], AccountSettings]
    ) -> AccountSettings:
        """Commit new settings of an account in a region and return them. Raises `StoreUnavailable`."""
        key = stored_values.account_key(caller)
        while True:
            held = self._held.get(caller)
            version = held.version if held else 0
            settings = change(self.settings(caller))
            written = Change(writes={key: msgspec.msgpack.encode(settings)}, expected={key: version})
            if await self._store.commit(written):
                self._held[caller] = HeldAccount(settings, version + 1)
                return settings
