"""Who calls, and whether they may call at all: signatures, keys, host names, pages of other origins.

Refuses to know what is asked for.
"""
