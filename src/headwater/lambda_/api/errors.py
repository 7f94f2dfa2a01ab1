"""The errors of the Lambda API, by name and without a transport.

As `model/errors.py` is for Kinesis: whatever refuses a request raises one of these,
and the REST layer is the one place that turns them into a status and a body. The
statuses are the API model's. The set is closed: adding an error is one class here.
"""

from __future__ import annotations


class LambdaError(Exception):
    """Base of all answers that are not a success. `code` is the name that a client sees."""

    code = "ServiceException"
    status = 500
    fault = "Service"
    """Whose fault it is, as the answer's member `Type` says: `User` or `Service`."""
    message_member = "message"
    """The name of the text in the answer: the model spells it in two ways."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        """`reason` is a member of some errors' documents: which of several causes it was."""
        super().__init__(message)
        self.message = message
        self.reason = reason


class InvalidParameterValueException(LambdaError):
    """A parameter is well formed, but does not fit."""

    code = "InvalidParameterValueException"
    status = 400
    fault = "User"


class InvalidRequestContentException(LambdaError):
    """The body is not what the operation reads."""

    code = "InvalidRequestContentException"
    status = 400
    fault = "User"


class PreconditionFailedException(LambdaError):
    """The caller knows an older revision."""

    code = "PreconditionFailedException"
    status = 412
    fault = "User"


class RequestTooLargeException(LambdaError):
    """The payload is larger than a function may be given."""

    code = "RequestTooLargeException"
    status = 413
    fault = "User"


class ResourceConflictException(LambdaError):
    """The resource already exists, or another operation on it is under way."""

    code = "ResourceConflictException"
    status = 409
    fault = "User"


class ResourceInUseException(LambdaError):
    """The resource is not in a state that allows the call."""

    code = "ResourceInUseException"
    status = 400
    fault = "User"


class ResourceNotFoundException(LambdaError):
    """The function, version, alias or mapping does not exist."""

    code = "ResourceNotFoundException"
    status = 404
    fault = "User"
    message_member = "Message"


class TooManyRequestsException(LambdaError):
    """The function has as many invocations at once as it may."""

    code = "TooManyRequestsException"
    status = 429
    fault = "User"


class ServiceException(LambdaError):
    """The server could not keep its promise."""

    message_member = "Message"


class ValidationException(LambdaError):
    """Constraints of the API model are broken."""

    code = "ValidationException"
    status = 400
    fault = "User"
