"""Servers in the background: how they are started, found and stopped, and the commands that do so.

Refuses to know what a server does.
"""
