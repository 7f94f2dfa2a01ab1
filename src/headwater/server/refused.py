"""What the server's own routes raise when they cannot do what was asked."""

from __future__ import annotations


class Refused(Exception):
    """The message is for the person who asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
