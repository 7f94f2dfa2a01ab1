"""Calls to AWS or any endpoint: where it is, who calls, retries, and the operations that the library needs.

Refuses to know producers, consumers and leases.
"""
