"""Event source mappings: how records reach a function in batches, and what happens when it fails.

Refuses to know how a function is run: an `Invoker` is passed in.
"""
