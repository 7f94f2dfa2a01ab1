import pytest

from headwater.model.errors import (
    AccessDeniedException,
    InternalFailureException,
    KinesisError,
    ResourceNotFoundException,
    SerializationException,
    UnknownOperationException,
    ValidationException,
)
from headwater.wire.error_format import error_document, error_plain_json, error_xml


def test_an_error_is_its_name_and_its_text() -> None:
    status, document = error_document(ResourceNotFoundException("Stream Foo not found."))
    assert status == 400
    assert document == {"__type": "ResourceNotFoundException", "message": "Stream Foo not found."}


def test_an_error_of_the_parser_spells_its_field_with_a_capital() -> None:
    _, document = error_document(SerializationException("Expected null"))
    assert document == {"__type": "SerializationException", "Message": "Expected null"}


@pytest.mark.parametrize("error", [SerializationException(), UnknownOperationException()])
def test_an_error_without_a_text_has_no_field_for_it(error: KinesisError) -> None:
    assert error_document(error).document == {"__type": error.code}


def test_an_empty_text_is_a_text() -> None:
    assert error_document(ValidationException("")).document["message"] == ""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AccessDeniedException("no"), 400),
        (UnknownOperationException(), 400),
        (InternalFailureException("disk full"), 500),
        (KinesisError(), 500),
    ],
)
def test_the_status_of_a_document_is_400_unless_the_failure_is_ours(error: KinesisError, status: int) -> None:
    assert error_document(error).status == status


def test_plain_json_gets_a_name_only() -> None:
    status, body = error_plain_json(UnknownOperationException())
    assert status == 404
    expected = b'{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}'
    assert body == expected


def test_plain_json_that_does_not_parse_is_a_400() -> None:
    status, body = error_plain_json(SerializationException())
    assert status == 400
    expected = b'{"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}'
    assert body == expected


def test_a_foreign_request_is_denied_in_xml() -> None:
    error = AccessDeniedException("Unable to determine service/operation name to be authorized")
    status, body = error_xml(error)
    assert status == 403
    assert body.decode() == (
        "<AccessDeniedException>\n"
        "  <Message>Unable to determine service/operation name to be authorized</Message>\n"
        "</AccessDeniedException>\n"
    )


def test_a_foreign_operation_is_unknown_in_xml() -> None:
    assert error_xml(UnknownOperationException()) == (404, b"<UnknownOperationException/>\n")


def test_the_text_in_xml_is_escaped() -> None:
    assert b"<Message>&lt;a&gt; &amp; b</Message>" in error_xml(AccessDeniedException("<a> & b")).body
