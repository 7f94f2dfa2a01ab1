"""Resource policies: what makes one valid, and whether it lets a caller do something.

Refuses to know operations beyond their action names.
"""
