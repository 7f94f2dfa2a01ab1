"""Which requests are for a neighbouring service, what they are called, and how their errors are worded.

Rules:
- a signature's scope decides; without one the target does, or the path of RPC v2, then the form,
  host or path;
- what is signed for Kinesis, or looks like nothing in particular, is not for a neighbour;
- a GET of a query protocol (one that names an `Action`) changes nothing unless who sent it is sure, or
  it has a header that no page can send: any page can name the address of an image, signed or not;
- an error has the form of the request's protocol: CBOR for RPC v2, JSON for a target, XML for a
  form, S3's own XML for everything that S3 is asked.

Refuses to know what answers.
"""

from __future__ import annotations

import re
from html import escape
from urllib.parse import parse_qsl

import msgspec

from headwater.neighbours.rpc_v2_cbor import error_answer, operation_name
from headwater.server.http.exchange import Answer, HttpRequest

KINESIS = "kinesis"
S3 = "s3"
FORM = b"application/x-www-form-urlencoded"
JSON = b"json"
S3_METHODS = (b"GET", b"HEAD", b"PUT", b"POST", b"DELETE")

SERVICES_BY_TARGET = {
    b"AWSEvents": "events",
    b"AmazonEC2ContainerRegistry_V20150921": "ecr",
    b"AmazonSQS": "sqs",
    b"AmazonSSM": "ssm",
    b"DynamoDBStreams_20120810": "dynamodb",
    b"DynamoDB_20120810": "dynamodb",
    b"GraniteServiceVersion20100801": "monitoring",
    b"Logs_20140328": "logs",
    b"TrentService": "kms",
    b"secretsmanager": "secretsmanager",
}
"""For requests without a signature; by the target up to its point."""

SAFE_METHODS = (b"GET", b"HEAD", b"OPTIONS")
"""Those of HTTP that change nothing."""
READING_ACTIONS = ("BatchGet", "Describe", "Get", "List", "Lookup", "Search", "Validate")
"""How the names of actions begin that change nothing."""
READING_TARGETS = (*READING_ACTIONS, "Query", "Scan", "TransactGet", "Filter")
"""The same for the names of targets."""

UNSIGNED_ACTIONS = {"AssumeRoleWithSAML": "sts", "AssumeRoleWithWebIdentity": "sts"}
"""What AWS lets be asked without a signature, in a form."""

_BUCKET_HOST = re.compile(rb"[a-z0-9][a-z0-9.-]+\.(?:s3\.)?localhost(?::\d+)?")
_FORM_ACTION = re.compile(rb"(?:\A|&)Action=([A-Za-z0-9]{1,128})(?=&|\Z)")
"""Found where it stands: a form may be large, and nothing else in it matters here."""


def service_for(request: HttpRequest, signed_service: str) -> str:
    """The neighbouring service that a request is for; empty when it is for none."""
    if signed_service:
        return "" if signed_service == KINESIS else signed_service
    headers = request.headers
    name = operation_name(request)
    target = headers.get(b"x-amz-target", b"") if name is None else name.target
    if target:
        return SERVICES_BY_TARGET.get(target.partition(b".")[0], "")
    if headers.get(b"content-type", b"").startswith(FORM) and request.method == b"POST":
        return UNSIGNED_ACTIONS.get(form_action(request), "")
    if request.method in S3_METHODS and (
        request.path != b"/" or _BUCKET_HOST.fullmatch(headers.get(b"host", b""))
    ):
        return S3
    return ""


def changing_action(request: HttpRequest, service: str) -> str:
    """The action that a request asks for which changes something, by a method that must not; else empty."""
    if request.method not in SAFE_METHODS or service == S3 or b"authorization" in request.headers:
        return ""
    query = request.target.partition(b"?")[2].decode("latin-1")
    named = [*parse_qsl(query), *parse_qsl(request.body.decode("latin-1"))]
    actions = (value for name, value in named if name == "Action")
    return next((action for action in actions if not action.startswith(READING_ACTIONS)), "")


def changes_something(request: HttpRequest, service: str) -> bool:
    """Whether a request may change what a service keeps; one that is not known to read may."""
    operation = operation_of(request)
    if " " in operation:
        return request.method not in SAFE_METHODS
    if b"x-amz-target" in request.headers or operation_name(request) is not None:
        return not operation.startswith(READING_TARGETS)
    return service == S3 or not operation.startswith(READING_ACTIONS)


def operation_of(request: HttpRequest) -> str:
    """The operation, where a request names one: its target's, or its form's action; else method and path."""
    name = operation_name(request)
    target = request.headers.get(b"x-amz-target", b"") if name is None else name.target
    if target:
        return target.rpartition(b".")[2].decode("latin-1")
    action = form_action(request)
    return action or f"{request.method.decode('latin-1')} {request.path.decode('latin-1')}"


def form_action(request: HttpRequest) -> str:
    """The action of a form; empty without one."""
    if not request.headers.get(b"content-type", b"").startswith(FORM):
        return ""
    action = _FORM_ACTION.search(request.body)
    return "" if action is None else action[1].decode()


def refusal(request: HttpRequest, service: str, status: int, code: str, message: str) -> Answer:
    """An error in the form that the service's clients read."""
    if operation_name(request) is not None:
        return error_answer(status, code, message)
    kind = request.headers.get(b"content-type", b"")
    if b"x-amz-target" in request.headers or JSON in kind:
        form = "application/x-amz-json-1.1"
        body = msgspec.json.encode({"__type": code, "message": message})
    elif service == S3:
        form = "application/xml"
        body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>".encode()
    else:
        form = "text/xml"
        error = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
        body = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>".encode()
    return Answer(status, (("Content-Type", form), ("x-amzn-ErrorType", code)), body)
