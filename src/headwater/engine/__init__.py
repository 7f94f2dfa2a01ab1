"""What a stream does: life cycle, routing, appending, reading, resharding, fan-out, retention.

Refuses to know HTTP, JSON, and any time or randomness that is not passed in.
"""
