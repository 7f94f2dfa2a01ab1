"""The operation table, and what operations share: checks, descriptions, call rates, access across accounts.

Refuses to know transport.
"""
