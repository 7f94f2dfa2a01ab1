"""What Headwater puts into moto's DynamoDB.

Refuses to know how a stream is reached, and how writes are kept.
"""
