"""What Headwater puts into moto's EventBridge: targets of rules that are Headwater's.

Refuses to know how a stream is reached.
"""
