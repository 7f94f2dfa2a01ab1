"""One module for each operation, under the operation's name.

Each takes an engine, a caller and a checked request, and gives a plain answer. Refuses to know the wire.
"""
