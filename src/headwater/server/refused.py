"""The error of a request that cannot have what it asked for, of the server's own routes."""

from __future__ import annotations


class Refused(Exception):
    """The message is for the person who asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
