"""What is counted of streams, shards and consumers, minute by minute, as CloudWatch names it.

Refuses to know who asks for it, and in which format.
"""
