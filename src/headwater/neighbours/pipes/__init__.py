"""What Headwater puts into moto's EventBridge Pipes: pipes whose source is a stream, and that run.

Refuses to know how a stream is read: Lambda's event source mappings do that.
"""
