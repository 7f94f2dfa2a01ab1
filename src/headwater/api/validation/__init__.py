"""Requests held against the API model: types, constraints, and the texts in which AWS words a failure.

Refuses to know what an operation does with a request.
"""
