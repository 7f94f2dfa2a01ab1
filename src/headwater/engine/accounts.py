"""The settings of every account and region, as the store has them.

Refuses to know what they mean.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from headwater.engine import stored_values
from headwater.engine.account import AccountSettings, LiveAccount
from headwater.model.caller import Caller
from headwater.storage.interface import Change, Metadata, Store


class Accounts:
    """The accounts and regions that have settings."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._live: dict[Caller, LiveAccount] = {}

    def take_over(self, key: str, found: Metadata | None) -> None:
        """Take over what a key has. Raises `msgspec.MsgspecError`, `ValueError`."""
        caller = stored_values.account_in(key)
        if found is None:
            self._live.pop(caller, None)
        else:
            self._live[caller] = LiveAccount(stored_values.stored_account(key, found.value), found.version)

    def callers(self) -> list[Caller]:
        """The accounts and regions."""
        return list(self._live)

    def clear(self) -> None:
        """The store has none any more."""
        self._live.clear()

    def settings(self, caller: Caller) -> AccountSettings:
        """The settings of an account in a region, as of now."""
        live = self._live.get(caller)
        return live.settings if live else AccountSettings(account_id=caller.account_id, region=caller.region)

    async def revise(
        self, caller: Caller, change: Callable[[AccountSettings], AccountSettings]
    ) -> AccountSettings:
        """Commit new settings of an account in a region and return them. Raises `StoreUnavailable`."""
        key = stored_values.account_key(caller)
        while True:
            live = self._live.get(caller)
            version = live.version if live else 0
            settings = change(self.settings(caller))
            written = Change(writes={key: msgspec.msgpack.encode(settings)}, expected={key: version})
            made = await self._store.commit(written)
            if made:
                self._live[caller] = LiveAccount(settings, version + 1 if version else made)
                return settings
