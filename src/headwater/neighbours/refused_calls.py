"""Calls that moto would accept though nothing then happens to a stream: refused, with the reason.

`REFUSED` is the table. It has what moto's source has about Kinesis, and what takes any ARN as a target and
delivers to none. Everything else of these services is moto's.

Refuses to know what the services do otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from headwater.neighbours.requests import form_action, operation_of
from headwater.server.http.exchange import HttpRequest

Document = dict[str, Any]


class RefusedCall(NamedTuple):
    """Calls of one kind, and when they are refused."""

    service: str
    """As in the signature's scope."""
    operation: str
    """A regular expression: the name of an operation, or its method and path."""
    concerns: Callable[[Document], bool]
    """Whether a request's document asks for what nothing here does."""
    reason: str


def _is_stream(arn: Any) -> bool:
    return isinstance(arn, str) and ":kinesis:" in arn


def _is_delivery_stream(arn: Any) -> bool:
    return isinstance(arn, str) and ":firehose:" in arn


def _anywhere(document: Any, name: str) -> bool:
    """Whether a member with a word in its name is somewhere, says something, and is not switched off."""
    if isinstance(document, dict):
        return any(
            (bool(value) and name in key.lower() and not _is_off(value)) or _anywhere(value, name)
            for key, value in document.items()
        )
    return isinstance(document, list) and any(_anywhere(each, name) for each in document)


REFUSED = (
    RefusedCall(
        "dms",
        "CreateEndpoint|ModifyEndpoint",
        lambda document: document.get("EngineName") == "kinesis" or bool(document.get("KinesisSettings")),
        "no replication task runs here, so nothing would arrive in the stream.",
    ),
    RefusedCall(
        "iot",
        "(POST|PUT|PATCH) /rules/.*",
        lambda document: any(
            "kinesis" in action or "firehose" in action
            for action in (document.get("topicRulePayload") or document).get("actions") or ()
        ),
        "no topic rule runs here, so nothing would arrive in the stream.",
    ),
    RefusedCall(
        "kinesisanalytics",
        "CreateApplication",
        lambda document: _anywhere(document.get("ApplicationConfiguration"), "kinesis"),
        "no application runs here: run it beside the server, and let it read the stream from there.",
    ),
    RefusedCall(
        "dsql",
        "POST /stream/.*",
        lambda document: "kinesis" in (document.get("targetDefinition") or {}),
        "no change of a cluster is told here, so nothing would arrive in the stream.",
    ),
    RefusedCall(
        "bedrock-agentcore",
        "(POST|PUT) /memories/.*",
        lambda document: _anywhere(document.get("streamDeliveryResources"), "kinesis"),
        "no memory is streamed here, so nothing would arrive in the stream.",
    ),
    RefusedCall(
        "workspaces-web",
        "(POST|PATCH) /userAccessLoggingSettings.*",
        lambda document: _is_stream(document.get("kinesisStreamArn")),
        "nobody's access is logged here, so nothing would arrive in the stream.",
    ),
    RefusedCall(
        "glue",
        "CreateJob",
        lambda document: _anywhere(document.get("CodeGenConfigurationNodes"), "kinesis"),
        "no job runs here, so nobody would read or write the stream.",
    ),
    RefusedCall(
        "elasticache",
        "(Create|Modify)(CacheCluster|ReplicationGroup)",
        lambda document: any("KinesisFirehoseDetails" in name for name in document),
        "no logs of caches are written here, so nothing would arrive in the delivery stream.",
    ),
    RefusedCall(
        "kafka",
        "POST /(v1|api/v2)/clusters",
        lambda document: _anywhere(document, "firehose"),
        "no logs of brokers are written here, so nothing would arrive in the delivery stream.",
    ),
    RefusedCall(
        "ses",
        "(Create|Update)ConfigurationSetEventDestination",
        lambda document: any("KinesisFirehoseDestination" in name for name in document),
        "no events of mails are made here, so nothing would arrive in the delivery stream.",
    ),
    RefusedCall(
        "sns",
        "Subscribe",
        lambda document: document.get("Protocol") == "firehose",
        "SNS delivers to no delivery stream here: subscribe a queue or a function.",
    ),
    RefusedCall(
        "wafv2",
        "PutLoggingConfiguration",
        lambda document: any(
            map(
                _is_delivery_stream,
                (document.get("LoggingConfiguration") or {}).get("LogDestinationConfigs") or (),
            )
        ),
        "no web traffic is logged here, so nothing would arrive in the delivery stream.",
    ),
    RefusedCall(
        "route53resolver",
        "CreateResolverQueryLogConfig",
        lambda document: _is_delivery_stream(document.get("DestinationArn")),
        "no queries are logged here, so nothing would arrive in the delivery stream.",
    ),
    RefusedCall(
        "pipes",
        "(POST|PUT) /v1/pipes/.*",
        lambda document: bool((document.get("LogConfiguration") or {}).get("FirehoseLogDestination")),
        "pipes write no logs here, so nothing would arrive in the delivery stream.",
    ),
    RefusedCall(
        "apigateway",
        "PUT /restapis/.*/integration",
        lambda document: bool(
            re.match(r"arn:[^:]+:apigateway:[^:]*:(kinesis|firehose):", document.get("uri") or "")
        ),
        "API Gateway calls no stream here: integrate a function that puts the records.",
    ),
    RefusedCall(
        "scheduler",
        "(POST|PUT) /schedules/.*",
        lambda document: _is_stream((document.get("Target") or {}).get("Arn")),
        "no schedule runs here, so nothing would arrive in the stream.",
    ),
    RefusedCall(
        "mobiletargeting",
        "POST /v1/apps/[^/]+/eventstream",
        lambda document: _is_stream(document.get("DestinationStreamArn")),
        "no events of Pinpoint are made here, so nothing would arrive in the stream.",
    ),
)
"""In the order in which they are looked at."""

_SERVICES = frozenset(refusal.service for refusal in REFUSED)


def _is_off(value: Any) -> bool:
    return isinstance(value, dict) and value.get("enabled") is False


def _document(request: HttpRequest) -> Any:
    """What a request says, in JSON or in a form. Raises ValueError."""
    if form_action(request):
        return dict(parse_qsl(request.body.decode("latin-1")))
    return json.loads(request.body or b"{}")


def refused_reason(request: HttpRequest, service: str) -> str:
    """Why a call is refused; empty when it is not."""
    if service not in _SERVICES:
        return ""
    operation = operation_of(request).partition("?")[0]
    for refusal in REFUSED:
        if refusal.service == service and re.fullmatch(refusal.operation, operation):
            try:
                document = _document(request)
            except ValueError:
                return ""  # which moto refuses
            if isinstance(document, dict) and refusal.concerns(document):
                return refusal.reason
    return ""
