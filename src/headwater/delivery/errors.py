"""What goes wrong in a delivery, named."""

from __future__ import annotations


class DeliveryFailed(Exception):
    """A batch, or a step of it, could not be delivered; it is tried again. `code` is for logs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
