"""Resource policies: whether a text is a policy for a stream or consumer.

Checked: JSON, the version, the statements with their effect, principals, actions
and resources. An action must be one that a policy can share for the kind of
resource, a resource must be the one that the policy is attached to.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, NoReturn

import msgspec

from headwater.engine.limits.limits import POLICY_BYTES_MAX
from headwater.model.errors import InvalidArgumentException, LimitExceededException

_VERSIONS = ("2012-10-17", "2008-10-17")
_EFFECTS = ("Allow", "Deny")
_PRINCIPAL_KINDS = ("AWS", "Service", "Federated", "CanonicalUser")
_STATEMENT_MEMBERS = {
    *("Sid", "Effect", "Condition"),
    *("Principal", "NotPrincipal"),
    *("Action", "NotAction"),
    *("Resource", "NotResource"),
}
STREAM_ACTIONS = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamConsumer",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
    "kinesis:ListStreamConsumers",
    "kinesis:PutRecord",
    "kinesis:PutRecords",
    "kinesis:RegisterStreamConsumer",
    "kinesis:DeregisterStreamConsumer",
    "kinesis:SubscribeToShard",
)
CONSUMER_ACTIONS = (
    "kinesis:DescribeStreamConsumer",
    "kinesis:SubscribeToShard",
    "kinesis:DeregisterStreamConsumer",
)


def check_policy(text: str, resource_arn: str) -> None:
    """Raise InvalidArgumentException for a text that is no policy for this resource.

    Raises LimitExceededException above 20 KiB.
    """
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise LimitExceededException(f"The policy must not be longer than {POLICY_BYTES_MAX} bytes.")
    try:
        policy = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        _refuse("it is not valid JSON")
    if not isinstance(policy, dict):
        _refuse("it is not a JSON object")
    if policy.get("Version", _VERSIONS[0]) not in _VERSIONS:
        _refuse(f"its Version is not one of {', '.join(_VERSIONS)}")
    statements = _listed(policy.get("Statement"))
    if not statements:
        _refuse("it has no Statement")
    for statement in statements:
        _check_statement(statement, resource_arn)


def shared_actions(resource_arn: str) -> tuple[str, ...]:
    """What a policy of this stream or consumer can let other accounts do."""
    return CONSUMER_ACTIONS if "/consumer/" in resource_arn else STREAM_ACTIONS


def _check_statement(statement: object, resource_arn: str) -> None:
    if not isinstance(statement, dict):
        _refuse("a Statement is not a JSON object")
    unknown = sorted(statement.keys() - _STATEMENT_MEMBERS)
    if unknown:
        _refuse(f"a Statement has the unknown member {unknown[0]}")
    if statement.get("Effect") not in _EFFECTS:
        _refuse("a Statement's Effect is neither Allow nor Deny")
    _check_principal(statement.get("Principal", statement.get("NotPrincipal")))
    _check_actions(_listed(statement.get("Action", statement.get("NotAction"))), resource_arn)
    for resource in _listed(statement.get("Resource", statement.get("NotResource", resource_arn))):
        if not isinstance(resource, str) or not fnmatchcase(resource_arn, resource):
            _refuse(f"a Statement's Resource is not {resource_arn}")


def _check_principal(principal: object) -> None:
    if principal == "*":
        return
    if not isinstance(principal, dict) or not principal or not principal.keys() <= set(_PRINCIPAL_KINDS):
        _refuse("a Statement has no valid Principal")
    for named in principal.values():
        if not _listed(named) or not all(isinstance(name, str) and name for name in _listed(named)):
            _refuse("a Statement has no valid Principal")


def _check_actions(actions: list[Any], resource_arn: str) -> None:
    shared = shared_actions(resource_arn)
    if not actions:
        _refuse("a Statement has no Action")
    for action in actions:
        wanted = action.lower() if isinstance(action, str) else ""
        if not any(fnmatchcase(known.lower(), wanted) for known in shared):
            _refuse(f"the Action {action} cannot be shared for {resource_arn}")


def _listed(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _refuse(why: str) -> NoReturn:
    raise InvalidArgumentException(f"The resource policy is not valid: {why}.")
