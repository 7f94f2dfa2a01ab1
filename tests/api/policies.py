"""Resource policies: one that fits a resource, and how a resource is found without one."""

from __future__ import annotations

import json
from typing import Any

NO_POLICY = "{}"


def statement_for(resource_arn: str, **changed: Any) -> dict[str, Any]:
    """A statement that shares a stream or a consumer, with some members changed."""
    action = "kinesis:SubscribeToShard" if "/consumer/" in resource_arn else "kinesis:PutRecord"
    return {
        "Sid": "share",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:role/reader"},
        "Action": [action],
        "Resource": resource_arn,
    } | changed


def policy_for(resource_arn: str, **changed: Any) -> str:
    """The text of a policy with that one statement."""
    return policy_of(statement_for(resource_arn, **changed))


def policy_of(statement: Any, **changed: Any) -> str:
    """The text of a policy with this statement, or these."""
    return json.dumps({"Version": "2012-10-17", "Statement": statement} | changed)


def policy_at(kinesis: Any, resource_arn: str) -> str:
    """The policy of a resource as it is now."""
    policy: str = kinesis.get_resource_policy(ResourceARN=resource_arn)["Policy"]
    return policy
