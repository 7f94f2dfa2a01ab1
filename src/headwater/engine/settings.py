"""The settings of the engine."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """The engine's settings; `headwater.config` has the same names."""

    account_id: str = "000000000000"
    region: str = "us-east-1"
    transition_ms: int = 200
    """How long streams and consumers stay CREATING, UPDATING and DELETING."""
    enforce_limits: bool = False
    """Refuse what is beyond the rates of AWS."""
    shard_limit: int = 20_000
    """Open shards of provisioned streams in one account and region."""
    on_demand_stream_limit: int = 50
    """On-demand streams in one account and region."""
    resubscribe_at_once: bool = False
    """A subscription that its reader has left can be followed by another at once."""
    server_name: str = "headwater"
    """What people know this server by, of several over the same data."""
