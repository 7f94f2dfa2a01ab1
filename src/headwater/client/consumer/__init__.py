"""The consumer: from a lease to batches that are handled and checkpointed.

Refuses to know producers.
"""
