"""How a part of the server follows a stream in its own process: all shards, in order, from a place on.

    stream_follower ─► shard_reading ─► alarms

Event source mappings read so, and deliveries. Refuses to know what is done with the records, and how
their readers remember where they are.
"""
