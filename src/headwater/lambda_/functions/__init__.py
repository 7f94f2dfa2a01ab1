"""Functions: their versions, code, access and logs, and the processes that run them.

Refuses to know event source mappings and streams.
"""
