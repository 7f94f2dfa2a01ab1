"""Connections: HTTP/1.1, HTTP/2 and TLS on one port, their limits, requests and answers.

Refuses to know who calls and what is asked.
"""
