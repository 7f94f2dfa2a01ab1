"""What can go wrong in the client library, by name.

All have one base, so that an application can tell them from its own errors. The
texts are for a person; a program asks the class, or `code`.
"""

from __future__ import annotations

from typing import Any

TRANSIENT_CODES = frozenset(
    {
        "InternalFailure",
        "InternalFailureException",
        "InternalServerError",
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""Errors that say "not now": the same call may succeed in a moment."""

EXPIRED_CREDENTIALS_CODES = frozenset({"ExpiredToken", "ExpiredTokenException"})
"""Errors that end by themselves when credentials are refreshed."""


def says_not_now(code: str, status: int) -> bool:
    """Whether an answer with this error and this status of HTTP may be another one in a moment."""
    return status >= 500 or code in TRANSIENT_CODES


class ClientError(Exception):
    """Base of every error of the client library."""


class ConfigurationError(ClientError):
    """No endpoint, no region, no credentials, or a value that cannot be one."""


class ConnectionFailed(ClientError):
    """There was no answer: no connection, a broken one, or none in time. The request may have been done."""


class MalformedAnswer(ClientError):
    """What answers is no service of AWS's, or does not keep to its protocol."""


class ServiceError(ClientError):
    """The service answered with an error of its API."""

    def __init__(
        self, code: str, message: str, status: int = 400, members: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        """Its name, as in `ResourceNotFoundException`; `HTTP 503` when the answer had none."""
        self.message = message
        self.status = status
        """Of HTTP."""
        self.members = members or {}
        """All that the answer held, such as a transaction's reasons."""

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed in a moment."""
        return says_not_now(self.code, self.status) or self.code in EXPIRED_CREDENTIALS_CODES


def is_transient(error: Exception) -> bool:
    """Whether the call that failed so may succeed in a moment."""
    return isinstance(error, ConnectionFailed) or (isinstance(error, ServiceError) and error.is_transient)


class ProducerError(ClientError):
    """Base of what a producer refuses, or gives up."""


class BufferFull(ProducerError):
    """There is no room for a record, and the producer was told not to wait, or not so long."""


class ProducerClosed(ProducerError):
    """The producer takes no more records, or was closed before this one was put."""


class RecordTooLarge(ProducerError):
    """The record is larger than the stream takes."""


class PutByParent(ProducerError):
    """The record was given before this process was forked: its parent puts it."""


class PutFailed(ProducerError):
    """The service refused the record, until there was no more time to try; `code` is the last reason."""

    def __init__(self, code: str, message: str, attempts: int) -> None:
        super().__init__(f"{code}: {message} (attempts: {attempts})")
        self.code = code
        self.message = message
        self.attempts = attempts
