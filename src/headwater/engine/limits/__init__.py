"""How much a stream takes and gives: AWS's limits, their enforcement, and scaling by load on demand.

Refuses to know what the limited calls do.
"""
