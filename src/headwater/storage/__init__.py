"""A log for each shard and a small key-value space, in one atomic commit. Knows nothing of Kinesis."""
