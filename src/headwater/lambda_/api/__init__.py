"""Lambda's REST API: the model's facts, requests to members, errors, pages of lists.

Refuses to know what the operations do.
"""
