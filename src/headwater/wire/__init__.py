"""Bytes to values and back: AWS JSON 1.1, CBOR 1.1, event streams, signatures, errors, aggregates.

Refuses to know sockets and operations.
"""
