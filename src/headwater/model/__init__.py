"""The values that every layer speaks of, and their rules: ARN, hash key, shard, record, errors.

Refuses to know bytes on a wire, files, sockets and what a request is.
"""
