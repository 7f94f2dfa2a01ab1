"""A log for each shard and a small key-value space for metadata, changed in atomic commits.

`interface` says what a store promises; `open_store` chooses the back end, which has a folder of its own.
Refuses to know Kinesis: statuses, iterators, limits.
"""
