"""The engine's keys in a store, and the values under them: streams and the settings of accounts.

    stream/<account>/<region>/<name>     a `Stream`
    account/<account>/<region>           its `AccountSettings`
    seal-key                             random bytes

Refuses to know when they are written.
"""

from __future__ import annotations

import msgspec

from headwater.engine import server_lease, shared_subscriptions
from headwater.engine.account import AccountSettings
from headwater.engine.past_streams import NAME_KEY, REST_KEY
from headwater.engine.queues.key_kinds import KIND as QUEUE_KEY
from headwater.engine.queues.key_kinds import NAMES_KIND
from headwater.model.arn import StreamName
from headwater.model.caller import Caller
from headwater.model.stream import Stream

STREAM_KEY = "stream"
ACCOUNT_KEY = "account"
SEAL_KEY = "seal-key"
KINDS = (STREAM_KEY, ACCOUNT_KEY, SEAL_KEY, NAME_KEY, REST_KEY, QUEUE_KEY)
"""How the keys of an engine begin; those of others begin with something else."""
SHARED_KINDS = (server_lease.KIND, shared_subscriptions.KIND, NAMES_KIND)
"""How those begin that engines over the same data have among themselves; one alone has none of them."""


def stream_key(name: StreamName) -> str:
    """Where a stream is."""
    return "/".join((STREAM_KEY, *name))


def account_key(caller: Caller) -> str:
    """Where the settings of an account in a region are."""
    return f"{ACCOUNT_KEY}/{caller.account_id}/{caller.region}"


def name_in(key: str) -> StreamName:
    """Of which stream a key is. Raises `TypeError` for one that is of none."""
    return StreamName(*key.split("/")[1:])


def account_in(key: str) -> Caller:
    """Of which account and region a key is. Raises `TypeError` for one that is of none."""
    return Caller(*key.split("/")[1:])


def stored_stream(key: str, value: bytes) -> Stream:
    """The stream under a key. Raises `ValueError`, and `msgspec.MsgspecError` for what is none."""
    stream = msgspec.msgpack.decode(value, type=Stream)
    if stream_key(stream.full_name) != key:
        raise ValueError(f"it is of stream {stream.label} in {stream.region}")
    return stream


def stored_account(key: str, value: bytes) -> AccountSettings:
    """The settings under a key. Raises `ValueError`, and `msgspec.MsgspecError` for what is none."""
    account = msgspec.msgpack.decode(value, type=AccountSettings)
    if account_key(Caller(account.account_id, account.region)) != key:
        raise ValueError(f"it is of account {account.account_id} in {account.region}")
    return account
