"""Rules by which calls go wrong on purpose, and what they draw from a seed.

Refuses to know how a fault reaches a client.
"""
