"""What can be chosen of a producer, its limits and its usual values."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.client.calls.put_call import CALL_BYTES_MAX, CALL_RECORDS_MAX, RECORD_BYTES_MAX


@dataclass(frozen=True, kw_only=True)
class ProducerSettings:
    """How a producer gathers, sends and gives up."""

    buffer_time_ms: float = 500
    """A record waits at most this long for others to go with it."""
    batch_records: int = CALL_RECORDS_MAX
    """So many go at once, without waiting."""
    batch_bytes: int = CALL_BYTES_MAX
    """So much goes at once, without waiting; no call carries more."""
    buffer_records: int = 20_000
    """So many are held at most, those on their way included."""
    buffer_bytes: int = 64 * 1024 * 1024
    """So much data and keys is held at most; a larger record is taken alone."""
    put_timeout_s: float | None = None
    """How long `put` waits for room: None for ever, 0 not at all. Then it raises BufferFull."""
    calls_in_flight: int = 8
    """PutRecords calls at the same time."""
    retry_time_s: float = 30
    """A record that is refused for the moment is tried again until so long after its first attempt."""
    ordered: bool = False
    """Records of one partition key stay in the order in which they were put."""
    aggregate: bool = False
    """Many user records go as one, in the format of the Kinesis Producer Library."""
    aggregate_bytes: int = 51_200
    """An aggregate's size at most."""
    shard_records_s: float | None = None
    """So many records a second go to each shard at most."""
    shard_bytes_s: float | None = None
    """So much data and keys goes to each shard in a second at most."""
    close_timeout_s: float = 30
    """How long the end of the program, or of a process that is sent SIGTERM, waits for what is held."""
    flush_on_sigterm: bool = True
    """On SIGTERM, put what is held before what would have happened happens."""

    def __post_init__(self) -> None:
        _require("batch_records", 1 <= self.batch_records <= CALL_RECORDS_MAX, f"1 to {CALL_RECORDS_MAX}")
        _require("batch_bytes", 1 <= self.batch_bytes <= CALL_BYTES_MAX, f"1 to {CALL_BYTES_MAX}")
        _require("aggregate_bytes", 1 <= self.aggregate_bytes <= RECORD_BYTES_MAX, f"1 to {RECORD_BYTES_MAX}")
        for name in ("buffer_records", "buffer_bytes", "calls_in_flight"):
            _require(name, getattr(self, name) >= 1, "1 or more")
        for name in ("buffer_time_ms", "retry_time_s", "close_timeout_s"):
            _require(name, getattr(self, name) >= 0, "0 or more")
        _require("put_timeout_s", self.put_timeout_s is None or self.put_timeout_s >= 0, "None, 0 or more")
        for name in ("shard_records_s", "shard_bytes_s"):
            rate = getattr(self, name)
            _require(name, rate is None or rate > 0, "None or more than 0")

    @property
    def limits_shards(self) -> bool:
        """Whether a shard has a limit."""
        return self.shard_records_s is not None or self.shard_bytes_s is not None


def _require(name: str, is_right: bool, wanted: str) -> None:
    if not is_right:
        raise ValueError(f"{name} must be {wanted}")
