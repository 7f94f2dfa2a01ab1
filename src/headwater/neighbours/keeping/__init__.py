"""How the neighbours' state outlives the server: a snapshot of it, and a log of DynamoDB's writes.

Refuses to know requests, and which services there are.
"""
