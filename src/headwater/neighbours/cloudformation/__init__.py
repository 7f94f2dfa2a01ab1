"""Stacks: templates, their deployment, and the resource types of streams and functions.

Refuses to know other services: moto deploys what is theirs.
"""
