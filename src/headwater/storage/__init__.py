"""A log for each shard and a small key-value space for metadata, changed in atomic commits.

`interface` says what a store promises; `open_store` opens the one that is asked for.
Refuses to know Kinesis: statuses, iterators, limits.
"""
