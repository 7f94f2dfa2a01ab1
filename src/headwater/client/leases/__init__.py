"""Leases and checkpoints: who reads which shard, how far it is, and the stores that keep it.

Refuses to know what is done with the records of a shard.
"""
