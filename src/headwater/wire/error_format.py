"""An error to a status and a body: the one place where errors become answers.

AWS words an error in three ways:
- in the request's own format, a document with the error's name and text;
- as `application/json` would have it, for a content type that the API does not offer;
- as XML, for a request so foreign that its format is unknown.

This module refuses to know sockets, headers, and why the error came about.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from headwater.model.errors import (
    AccessDeniedException,
    InternalFailureException,
    KinesisError,
    SerializationException,
    UnknownOperationException,
)
from headwater.wire import json_format

# Wherever a code is not named, the status is 400.
DOCUMENT_STATUS = {
    KinesisError.code: 500,
    InternalFailureException.code: 500,
    "NotAuthorized": 401,
    "OptInRequired": 403,
    "RequestEntityTooLargeException": 413,
    "RequestTimeoutException": 408,
    "ServiceUnavailable": 503,
}
FOREIGN_STATUS = {
    **DOCUMENT_STATUS,
    AccessDeniedException.code: 403,
    UnknownOperationException.code: 404,
}


class DocumentAnswer(NamedTuple):
    """A status and a document that the request's own format, JSON or CBOR, has yet to encode."""

    status: int
    document: dict[str, Any]


class BodyAnswer(NamedTuple):
    """A status and a finished body."""

    status: int
    body: bytes


def error_document(error: KinesisError) -> DocumentAnswer:
    """The error as a client of the API reads it; without a text the document has no field for it."""
    document = {"__type": error.code}
    if error.message is not None:
        # Seen at AWS: the errors of its parser, and only they, spell the field with a capital.
        document["Message" if isinstance(error, SerializationException) else "message"] = error.message
    return DocumentAnswer(DOCUMENT_STATUS.get(error.code, 400), document)


def error_plain_json(error: KinesisError) -> BodyAnswer:
    """The error for a request of type `application/json`: its name only."""
    document = {"Output": {"__type": f"com.amazon.coral.service#{error.code}"}, "Version": "1.0"}
    return BodyAnswer(FOREIGN_STATUS.get(error.code, 400), json_format.encode(document))


def error_xml(error: KinesisError) -> BodyAnswer:
    """The error for a request without a usable content type."""
    if error.message is None:
        xml = f"<{error.code}/>\n"
    else:
        xml = f"<{error.code}>\n  <Message>{_escape(error.message)}</Message>\n</{error.code}>\n"
    return BodyAnswer(FOREIGN_STATUS.get(error.code, 400), xml.encode("utf-8", "replace"))


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
