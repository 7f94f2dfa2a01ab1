"""The Kinesis API: its model, its operations, the shapes and the validation of requests.

Knows no transport.
"""
