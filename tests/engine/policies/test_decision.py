from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.engine.policies.decision import Access, PolicyDecision, decide
from headwater.engine.policies.resource_policy import CONSUMER_ACTIONS, STREAM_ACTIONS, check_policy

OWNER, CALLER, OTHER = "000000000000", "111122223333", "444455556666"
STREAM = f"arn:aws:kinesis:us-east-1:{OWNER}:stream/foo"
CONSUMER = f"{STREAM}/consumer/c:1"
PUT = Access(CALLER, "kinesis:PutRecord", STREAM)
ALLOW = {
    "Effect": "Allow",
    "Principal": {"AWS": CALLER},
    "Action": "kinesis:PutRecord",
    "Resource": STREAM,
}
DENY = ALLOW | {"Effect": "Deny"}


def policy(*statements: dict[str, Any]) -> str:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    check_policy(text, STREAM)
    return text


def without(statement: dict[str, Any], member: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name != member} | more


def allows(statement: dict[str, Any], access: Access = PUT) -> bool:
    return decide(policy(statement), access) is PolicyDecision.ALLOWED


def denies(statement: dict[str, Any], access: Access = PUT) -> bool:
    return decide(policy(ALLOW, statement), access) is PolicyDecision.DENIED


def test_without_a_policy_nothing_is_allowed() -> None:
    assert decide(None, PUT) is PolicyDecision.NOT_ALLOWED


def test_a_statement_may_stand_alone_or_in_a_list() -> None:
    assert decide(json.dumps({"Statement": ALLOW}), PUT) is PolicyDecision.ALLOWED
    assert decide(json.dumps({"Statement": [ALLOW]}), PUT) is PolicyDecision.ALLOWED


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": CALLER},
        {"AWS": [OTHER, CALLER]},
        {"AWS": f"arn:aws:iam::{CALLER}:root"},
        {"AWS": f"arn:aws:iam::{CALLER}:user/path/ann"},
        {"AWS": f"arn:aws:iam::{CALLER}:role/reader"},
        {"AWS": f"arn:aws:sts::{CALLER}:assumed-role/reader/session"},
    ],
)
def test_a_caller_is_named_by_its_account_or_by_anybody_of_it(principal: Any) -> None:
    assert allows(ALLOW | {"Principal": principal})
    assert denies(DENY | {"Principal": principal})
    assert not allows(without(ALLOW, "Principal", NotPrincipal=principal))
    assert not denies(without(DENY, "Principal", NotPrincipal=principal))


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": OTHER},
        {"AWS": f"arn:aws:iam::{OTHER}:root"},
        {"AWS": f"arn:aws:iam::{OTHER}:role/{CALLER}"},
        {"AWS": f"arn:aws:kinesis::{CALLER}:root"},
        {"Service": "lambda.amazonaws.com"},
        {"CanonicalUser": CALLER},
        {"Federated": "*"},
    ],
)
def test_a_caller_is_not_who_somebody_else_is(principal: Any) -> None:
    assert not allows(ALLOW | {"Principal": principal})
    assert not denies(DENY | {"Principal": principal})
    assert allows(without(ALLOW, "Principal", NotPrincipal=principal))
    assert denies(without(DENY, "Principal", NotPrincipal=principal))


@pytest.mark.parametrize(
    "action",
    ["kinesis:PutRecord", "KINESIS:putrecord", "kinesis:Put*", "kinesis:*", "kinesis:PutRecor?", "*",
     ["kinesis:GetRecords", "kinesis:PutRecord"]],
)  # fmt: skip
def test_an_action_is_named_in_any_case_and_by_wildcards(action: Any) -> None:
    assert allows(ALLOW | {"Action": action})
    assert not allows(without(ALLOW, "Action", NotAction=action))


@pytest.mark.parametrize("action", ["kinesis:PutRecords", "kinesis:Get*", "kinesis:PutRecord?"])
def test_another_action_is_not_this_one(action: str) -> None:
    assert not allows(ALLOW | {"Action": action})
    assert not denies(DENY | {"Action": action})
    assert allows(without(ALLOW, "Action", NotAction=action))


@pytest.mark.parametrize("resource", [STREAM, f"{STREAM}*", "*", f"arn:aws:kinesis:*:{OWNER}:stream/fo?"])
def test_a_resource_is_named_by_its_arn_and_by_wildcards(resource: str) -> None:
    assert allows(ALLOW | {"Resource": resource})
    assert not allows(without(ALLOW, "Resource", NotResource=resource))


def test_a_statement_without_a_resource_is_about_the_one_that_has_the_policy() -> None:
    assert allows(without(ALLOW, "Resource"))


def test_another_resource_is_not_this_one() -> None:
    text = json.dumps({"Statement": ALLOW | {"Resource": f"{STREAM}-2"}})
    assert decide(text, PUT) is PolicyDecision.NOT_ALLOWED


def test_a_deny_wins_wherever_it_stands() -> None:
    assert decide(policy(ALLOW, DENY), PUT) is PolicyDecision.DENIED
    assert decide(policy(DENY, ALLOW), PUT) is PolicyDecision.DENIED
    assert decide(policy(DENY | {"Action": "kinesis:PutRecords"}, ALLOW), PUT) is PolicyDecision.ALLOWED


def test_what_cannot_be_shared_is_not_allowed_by_any_wildcard() -> None:
    everything = policy(ALLOW | {"Principal": "*", "Action": "kinesis:*", "Resource": "*"})
    for action in STREAM_ACTIONS:
        assert decide(everything, Access(CALLER, action, STREAM)) is PolicyDecision.ALLOWED
    for action in CONSUMER_ACTIONS:
        assert decide(everything, Access(CALLER, action, CONSUMER)) is PolicyDecision.ALLOWED
    assert decide(everything, Access(CALLER, "kinesis:DeleteStream", STREAM)) is PolicyDecision.NOT_ALLOWED
    assert (
        decide(everything, Access(CALLER, "kinesis:PutResourcePolicy", STREAM)) is PolicyDecision.NOT_ALLOWED
    )
    assert decide(everything, Access(CALLER, "kinesis:PutRecord", CONSUMER)) is PolicyDecision.NOT_ALLOWED


HOLDS = [
    {"StringEquals": {"aws:PrincipalAccount": CALLER}},
    {"StringEquals": {"AWS:principalaccount": [OTHER, CALLER]}},
    {"StringNotEquals": {"aws:PrincipalAccount": OTHER}},
    {"StringLike": {"aws:PrincipalAccount": "1111*"}},
    {"StringNotLike": {"aws:PrincipalAccount": ["2*", "3*"]}},
    {"StringNotEquals": {"aws:SourceAccount": OTHER}},
    {"ArnNotLike": {"aws:SourceArn": "arn:aws:lambda:*:*:function:*"}},
    {"ArnLikeIfExists": {"aws:SourceArn": "arn:aws:lambda:*:*:function:*"}},
    {"Bool": {"aws:PrincipalIsAWSService": False}},
    {"Bool": {"aws:ViaAWSService": "False"}},
    {"BoolIfExists": {"aws:ViaAWSService": "false"}},
    {"StringEquals": {}},
    {},
]
HOLDS_NOT = [
    {"StringEquals": {"aws:PrincipalAccount": OTHER}},
    {"StringEquals": {"aws:PrincipalAccount": []}},
    {"StringEquals": {"aws:PrincipalAccount": "1111*"}},
    {"StringNotEquals": {"aws:PrincipalAccount": [OTHER, CALLER]}},
    {"StringEquals": {"aws:PrincipalAccount": CALLER}, "Bool": {"aws:ViaAWSService": True}},
    {"ArnLike": {"aws:SourceArn": "*"}},
    {"ArnEquals": {"aws:SourceArn": "arn:aws:lambda:us-east-1:111122223333:function:f"}},
    {"StringEquals": {"aws:SourceAccount": CALLER}},
    {"Bool": {"aws:PrincipalIsAWSService": "true"}},
    {"StringEquals": {"aws:PrincipalAccount": OTHER, "aws:PrincipalOrgID": "o-1"}},
]
NOT_KNOWN = [
    {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
    {"NumericEquals": {"aws:PrincipalAccount": CALLER}},
    {"NotBool": {"aws:ViaAWSService": "true"}},
    {"ForAnyValue:StringEquals": {"aws:PrincipalAccount": CALLER}},
    {"StringLike": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}},
    {"StringEquals": {"aws:PrincipalAccount": CALLER}, "IpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
    {"StringEquals": CALLER},
    CALLER,
]


@pytest.mark.parametrize("condition", HOLDS)
def test_a_statement_whose_condition_holds_counts(condition: Any) -> None:
    assert allows(ALLOW | {"Condition": condition})
    assert denies(DENY | {"Condition": condition})


@pytest.mark.parametrize("condition", HOLDS_NOT)
def test_a_statement_whose_condition_does_not_hold_does_not_count(condition: Any) -> None:
    assert not allows(ALLOW | {"Condition": condition})
    assert not denies(DENY | {"Condition": condition})


@pytest.mark.parametrize("condition", NOT_KNOWN)
def test_a_condition_that_cannot_be_known_never_opens_anything(condition: Any) -> None:
    assert not allows(ALLOW | {"Condition": condition})
    assert denies(DENY | {"Condition": condition})
