"""The server's own routes below `/_headwater/`: limits, faults, metrics, backups.

Refuses to know connections.
"""
