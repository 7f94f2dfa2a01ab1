"""The limits of Kinesis that do not depend on a setting, as the API model's texts state them."""

from __future__ import annotations

DAY_MS = 86_400_000

CREATING_STREAMS_MAX = 5
"""Streams of one account and region in the state CREATING."""
CREATING_CONSUMERS_MAX = 5
"""Consumers of one stream in the state CREATING."""
CONSUMERS_MAX = 20
"""Consumers and queues of one stream."""
CONSUMERS_ADVANTAGE_MAX = 50
"""Consumers and queues of one on-demand stream of an account with the throughput commitment."""
TAGS_MAX = 50
"""Tags of one stream, consumer, queue or channel."""
SHARDS_PER_STREAM_MAX = 10_000
"""Shards that UpdateShardCount scales a stream to."""
SHARD_COUNT_UPDATES_PER_DAY = 10
ENCRYPTION_CHANGES_PER_DAY = 25
"""Starts, and as many stops, of one stream's encryption."""
MODE_CHANGES_PER_DAY = 2
RETENTION_HOURS_MIN = 24
RETENTION_HOURS_MAX = 8760
WARM_THROUGHPUT_MAX_MIBPS = 10_240
ON_DEMAND_SHARDS = 4
"""Open shards of a new on-demand stream."""
ON_DEMAND_SHARDS_MAX = 200
"""Open shards to which an on-demand stream scales by itself: it then takes 200 MiB/s."""
ON_DEMAND_SHARDS_MAX_OF_REGION = {"us-east-1": 10_240, "us-west-2": 10_240, "eu-west-1": 10_240}
"""The regions where it scales to 10 GiB/s."""
DEFAULT_SHARDS = 4
"""Open shards of a stream that was created without a count."""
RECORDS_PER_READ_MAX = 10_000
READ_BYTES_MAX = 10 * 1024 * 1024
"""Data and partition keys that one GetRecords call returns."""
PUT_BYTES_MAX = 10 * 1024 * 1024
"""Data and partition keys that one PutRecords call takes."""
CHANNELS_PER_STREAM_MAX = 2
"""One to a bucket and one to a table, as the developer guide has it."""
CHANNEL_FRESHNESS_S_MIN = 300
CHANNEL_FRESHNESS_S_MAX = 900
QUEUES_IN_TRANSITION_MAX = 5
"""Queues of one account and region in the states CREATING and DELETING, as the developer guide has it."""
QUEUE_IN_FLIGHT_MAX = 120_000
"""Records of one queue that are in flight, as the developer guide has it."""
QUEUE_RECORDS_PER_RECEIVE_MAX = 10
"""Records that one receive from a queue returns."""
QUEUE_WAIT_S = 9
"""How long a receive waits that does not say how long."""
ITERATOR_LIFE_MS = 300_000
PAGING_TOKEN_LIFE_MS = 300_000
POLICY_BYTES_MAX = 20 * 1024


def recent(times_ms: tuple[int, ...], now_ms: int) -> tuple[int, ...]:
    """The points in time that lie within the last 24 hours."""
    return tuple(time_ms for time_ms in times_ms if now_ms - time_ms < DAY_MS)
