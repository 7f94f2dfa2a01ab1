"""Sockets and what is decided before an operation runs. Does not know what an operation means."""
