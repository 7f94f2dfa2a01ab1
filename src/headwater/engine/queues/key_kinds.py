"""How the keys of queues begin in a store: known to those who look for keys before any queue is there."""

KIND = "queue"
NAMES_KIND = "queue-names"
"""Of the keys that are written with each queue of an account and region, so that names are given once."""
