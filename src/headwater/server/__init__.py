"""From a request to an answer: checks in AWS's order, wire formats, faults, the log, the server's own routes.

Refuses to know what an operation means.
"""
