"""The errors of the Firehose API, by name and without a transport.

As `model/errors.py` is for Kinesis: whatever refuses a request raises one of these, and `json_api.py` is
the one place that turns them into a status and a body. The set is closed: adding an error is one class here.
"""

from __future__ import annotations


class FirehoseError(Exception):
    """Base of all answers that are not a success. `code` is the name that a client sees."""

    code = "InternalFailure"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidArgument(FirehoseError):
    """A parameter is well formed, but does not fit."""

    code = "InvalidArgumentException"


class ConcurrentModification(FirehoseError):
    """The caller knows an older version of the delivery stream."""

    code = "ConcurrentModificationException"


class LimitExceeded(FirehoseError):
    """There are as many of something as there may be."""

    code = "LimitExceededException"


class DeliveryStreamInUse(FirehoseError):
    """The delivery stream exists, or is not in a state that allows the call."""

    code = "ResourceInUseException"


class DeliveryStreamNotFound(FirehoseError):
    """There is no such delivery stream."""

    code = "ResourceNotFoundException"


class InvalidKmsResource(FirehoseError):
    """The key does not exist, or cannot be used."""

    code = "InvalidKMSResourceException"


class InvalidRequest(FirehoseError):
    """Constraints of the API model are broken."""

    code = "ValidationException"


class PutsUnavailable(FirehoseError):
    """The record could not be made safe: the same call may succeed later."""

    code = "ServiceUnavailableException"
    status = 503


class NotOffered(FirehoseError):
    """What the API has and Headwater does not, by its name."""

    code = "NotImplementedException"
    status = 501
