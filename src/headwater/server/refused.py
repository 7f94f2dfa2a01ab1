"""What is raised when a request cannot have what it asked for: by the server's own routes, and on purpose."""

from __future__ import annotations


class Refused(Exception):
    """The message is for the person who asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Unanswered(Exception):
    """A call that gets no answer; the message says why."""
