"""What Headwater puts into moto's CloudWatch Logs: subscription filters that deliver, and their patterns.

Refuses to know how a stream is reached.
"""
