"""The errors of the client library.

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
    """Whether the error code and HTTP status of an answer are transient: a retry may succeed."""
    return status >= 500 or code in TRANSIENT_CODES


class ClientError(Exception):
    """Base of every error of the client library."""


class ConfigurationError(ClientError):
    """A configuration without endpoint, region or credentials, or with an invalid value."""


class ConnectionFailed(ClientError):
    """A call without an answer: no connection, a broken one, a time-out. It may have taken effect."""


class MalformedAnswer(ClientError):
    """An answer that is not in AWS's protocol; a proxy's, perhaps."""


class ServiceError(ClientError):
    """An error of the API, as the service answered."""

    def __init__(
        self, code: str, message: str, status: int = 400, members: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        """The name of the error, such as `ResourceNotFoundException`; `HTTP 503` when the answer had none."""
        self.message = message
        self.status = status
        """The HTTP status."""
        self.members = members or {}
        """All members of the answer, such as a transaction's reasons."""

    @property
    def is_transient(self) -> bool:
        """Whether a retry of the same call may succeed."""
        return says_not_now(self.code, self.status) or self.code in EXPIRED_CREDENTIALS_CODES


def is_transient(error: Exception) -> bool:
    """Whether a retry may succeed after this error."""
    return isinstance(error, ConnectionFailed) or (isinstance(error, ServiceError) and error.is_transient)


class ProducerError(ClientError):
    """Base of the errors of a producer."""


class BufferFull(ProducerError):
    """A full buffer: no room for a record within `put_timeout_s`."""


class ProducerClosed(ProducerError):
    """A closed producer: it takes no record, or was closed before this record was put."""


class RecordTooLarge(ProducerError):
    """A record above the size limit of its stream."""


class PutByParent(ProducerError):
    """A record from before the fork of this process: the parent process puts it."""


class PutFailed(ProducerError):
    """A record that the service refused for good, or for all of `retry_time_s`; `code` is the last error."""

    def __init__(self, code: str, message: str, attempts: int) -> None:
        super().__init__(f"{code}: {message} (attempts: {attempts})")
        self.code = code
        """The name of the last error."""
        self.message = message
        self.attempts = attempts
        """The number of calls that had the record."""
