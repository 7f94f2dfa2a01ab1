"""The errors of the Kinesis API, by name and without a transport.

Every layer below the wire raises one of these; `wire/error_format` is the one
place that turns them into a status and a body. The names and their texts are
AWS's; a text that is not in the API model was recorded from AWS.

The set is closed: adding an error is one class here.
"""

from __future__ import annotations


class KinesisError(Exception):
    """Base of all answers that are not a success. `code` is the name that a client sees."""

    code = "InternalFailure"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message)
        self.message = message


class SerializationException(KinesisError):
    """The body is not JSON (or CBOR), or a value has the wrong type."""

    code = "SerializationException"


class UnknownOperationException(KinesisError):
    """The target names no operation that is offered."""

    code = "UnknownOperationException"


class MissingAuthenticationTokenException(KinesisError):
    """The request is not signed at all."""

    code = "MissingAuthenticationTokenException"


class IncompleteSignatureException(KinesisError):
    """The signature lacks a part."""

    code = "IncompleteSignatureException"


class InvalidSignatureException(KinesisError):
    """The signature is not acceptable."""

    code = "InvalidSignatureException"


class UnrecognizedClientException(KinesisError):
    """The access key, its session token, or the account of an ARN is not known."""

    code = "UnrecognizedClientException"


class ExpiredTokenException(KinesisError):
    """The session token has come to its end."""

    code = "ExpiredTokenException"


class ValidationException(KinesisError):
    """A member breaks a constraint of the API model, or a rule across members."""

    code = "ValidationException"


class InvalidArgumentException(KinesisError):
    """A parameter is well formed, but does not fit."""

    code = "InvalidArgumentException"


class ResourceNotFoundException(KinesisError):
    """The stream, shard, consumer or policy does not exist."""

    code = "ResourceNotFoundException"


class ResourceInUseException(KinesisError):
    """The resource is not in a state that allows the call."""

    code = "ResourceInUseException"


class LimitExceededException(KinesisError):
    """A limit of the account or of the stream would be passed."""

    code = "LimitExceededException"


class ProvisionedThroughputExceededException(KinesisError):
    """A shard's rate is used up."""

    code = "ProvisionedThroughputExceededException"


class ThrottlingException(KinesisError):
    """More is asked for than may be had now."""

    code = "ThrottlingException"


class ExpiredIteratorException(KinesisError):
    """The shard iterator is older than 300 seconds."""

    code = "ExpiredIteratorException"


class ExpiredNextTokenException(KinesisError):
    """The paging token is older than 300 seconds."""

    code = "ExpiredNextTokenException"


class AccessDeniedException(KinesisError):
    """The caller may not do this."""

    code = "AccessDeniedException"


class DryRunOperationException(KinesisError):
    """The request would have succeeded, had it not asked for a dry run."""

    code = "DryRunOperationException"


class KMSNotFoundException(KinesisError):
    """The key does not exist."""

    code = "KMSNotFoundException"


class InternalFailureException(KinesisError):
    """The store could not keep its promise: nothing was changed."""

    code = "InternalFailureException"


class NamedError(KinesisError):
    """An error of the API by its name alone, for those that nothing here raises by itself."""

    def __init__(self, code: str, message: str | None) -> None:
        super().__init__(message)
        self.code = code
