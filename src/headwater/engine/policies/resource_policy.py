"""Resource policies: whether a text is a policy for a stream, consumer or queue.

Checked: JSON, the version, the statements with their effect, principals, actions
and resources. An action must be one that a policy can share for the kind of
resource, a resource must be the one that the policy is attached to.

The texts for a missing field, unreadable JSON, another resource and unknown actions were
recorded from AWS; the others have the same form.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import islice
from typing import Any, NoReturn

import msgspec

from headwater.engine.limits.limits import POLICY_BYTES_MAX
from headwater.engine.policies.places import statement_places
from headwater.model.errors import InvalidArgumentException, LimitExceededException

_VERSIONS = ("2012-10-17", "2008-10-17")
_EFFECTS = ("Allow", "Deny")
_NEEDED = ("Effect", "Principal", "Action")
_ACTIONS_NAMED_MAX = 10
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
QUEUE_ACTIONS = (
    "kinesis:AcknowledgeDeadLetterQueueRecords",
    "kinesis:AcknowledgeQueueRecords",
    "kinesis:DescribeQueue",
    "kinesis:ReceiveDeadLetterQueueRecords",
    "kinesis:ReceiveQueueRecords",
    "kinesis:RestoreDeadLetterQueueRecords",
    "kinesis:UpdateDeadLetterQueueRecordsVisibility",
    "kinesis:UpdateQueueRecordsVisibility",
)
"""Nothing published says so: as with a stream, what is done with its records, and looking at it."""


def check_policy(text: str, resource_arn: str) -> None:
    """Raise InvalidArgumentException for a text that is no policy for this resource.

    Raises LimitExceededException above 20 KiB.
    """
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise LimitExceededException(f"The policy must not be longer than {POLICY_BYTES_MAX} bytes.")
    policy = _read(text)
    for member in ("Version", "Statement"):
        if not policy.get(member):
            _refuse(f"Missing required field {member}")
    if policy["Version"] not in _VERSIONS:
        _refuse(f"Version must be one of {', '.join(_VERSIONS)}")
    statements = _listed(policy["Statement"])
    for at, statement in enumerate(statements):
        wrong = _wrong_in(statement, resource_arn)
        if wrong is not None:
            place = statement_places(text)[at]
            _refuse(f"Resource policy contains invalid statement at {place}: {wrong}")
    _check_actions(statements, resource_arn)


def shared_actions(resource_arn: str) -> tuple[str, ...]:
    """The actions that a policy of this stream, consumer or queue can allow to other accounts."""
    if ":queue/" in resource_arn:
        return QUEUE_ACTIONS
    return CONSUMER_ACTIONS if "/consumer/" in resource_arn else STREAM_ACTIONS


def _read(text: str) -> dict[str, Any]:
    try:
        policy = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        policy = None
    if not isinstance(policy, dict):
        _refuse("This policy contains invalid Json")
    return policy


def _wrong_in(statement: object, resource_arn: str) -> str | None:
    """The faults of a statement, except for the names of its actions."""
    if not isinstance(statement, dict):
        return "The statement is not a JSON object."
    missing = [name for name in _NEEDED if not statement.get(name) and not statement.get(f"Not{name}")]
    if missing:
        return f"Missing required field {missing[0]}"
    if statement.keys() - _STATEMENT_MEMBERS:
        return f"The field {min(statement.keys() - _STATEMENT_MEMBERS)} is unknown."
    if statement.get("Effect") not in _EFFECTS:
        return "The Effect is neither Allow nor Deny."
    if not _is_principal(statement.get("Principal", statement.get("NotPrincipal"))):
        return "The Principal is not valid."
    is_about = _is_about(statement, resource_arn)
    return None if is_about else "The resource policy's resource must be the same as the resource ARN."


def _is_about(statement: dict[str, Any], resource_arn: str) -> bool:
    resources = _listed(statement.get("Resource", statement.get("NotResource", resource_arn)))
    return all(isinstance(resource, str) and fnmatchcase(resource_arn, resource) for resource in resources)


def _is_principal(principal: object) -> bool:
    if principal == "*":
        return True
    if not isinstance(principal, dict) or not principal.keys() <= set(_PRINCIPAL_KINDS):
        return False
    return all(
        _listed(named) and all(isinstance(name, str) and name for name in _listed(named))
        for named in principal.values()
    )


def _check_actions(statements: list[dict[str, Any]], resource_arn: str) -> None:
    """Name the actions that a policy of this resource cannot share, ten at most."""
    shared = [known.lower() for known in shared_actions(resource_arn)]
    named = (
        action
        for statement in statements
        for action in _listed(statement.get("Action", statement.get("NotAction")))
    )
    unknown = dict.fromkeys(
        str(action)
        for action in named
        if not any(fnmatchcase(known, str(action).lower()) for known in shared)
    )
    if unknown:
        names = ", ".join(f'"{action}"' for action in islice(unknown, _ACTIONS_NAMED_MAX))
        _refuse(f"The following action names are invalid: {names}")


def _listed(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _refuse(why: str) -> NoReturn:
    raise InvalidArgumentException(f"Policy validation error: {why}")
