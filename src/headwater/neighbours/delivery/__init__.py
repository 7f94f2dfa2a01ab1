"""Records on their way from a neighbour into a stream: kept in order, tried again, and written down.

Refuses to know who sends them, and why.
"""
