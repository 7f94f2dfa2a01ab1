"""The producer: from a record that is put to its outcome.

Refuses to know leases and consumers.
"""
