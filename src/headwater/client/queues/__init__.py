"""A consumer of queues: records one by one, acknowledged, given back, or set aside.

Refuses to know shards, leases and checkpoints: the queue keeps what was done.
"""
