"""PutResourcePolicy."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.consumers import active_consumer, inactive
from tests.api.policies import NO_POLICY, policy_at, policy_for, policy_of, statement_for
from tests.api.refusals import NOT_ACTIVE, WRONG_POLICY_ARN, busy, put_in_state, refusal
from tests.tables import each

Settle = Callable[[], None]


@pytest.fixture(params=["stream", "consumer"])
def resource_arn(request: pytest.FixtureRequest, kinesis: Any, stream_arn: str, settle: Settle) -> str:
    """The ARN of the stream `orders`, and that of a consumer of it."""
    return stream_arn if request.param == "stream" else active_consumer(kinesis, settle, stream_arn)


INVALID_JSON = "This policy contains invalid Json"
OTHER_RESOURCE = "The resource policy's resource must be the same as the resource ARN."


def wrong_statement(why: str, column: int = 40) -> str:
    """The text for the first statement of `policy_of`, which is in column 40, or 41 in a list."""
    return f"Resource policy contains invalid statement at line 1, column {column}: {why}"


def invalid_actions(*names: str) -> str:
    """The text for actions that cannot be shared."""
    return "The following action names are invalid: " + ", ".join(f'"{name}"' for name in names)


def without(member: str) -> Callable[[str], str]:
    """Makes a policy whose statement lacks a member."""

    def make(arn: str) -> str:
        statement = statement_for(arn)
        del statement[member]
        return policy_of(statement)

    return make


def changed(**members: Any) -> Callable[[str], str]:
    """Makes a policy whose statement has other members."""
    return lambda arn: policy_for(arn, **members)


def test_attaches_the_policy_as_it_came(kinesis: Any, resource_arn: str) -> None:
    policy = json.dumps(json.loads(policy_for(resource_arn)), indent=4)
    kinesis.put_resource_policy(ResourceARN=resource_arn, Policy=policy)
    assert policy_at(kinesis, resource_arn) == policy


def test_takes_the_place_of_the_policy_before(kinesis: Any, resource_arn: str) -> None:
    kinesis.put_resource_policy(ResourceARN=resource_arn, Policy=policy_for(resource_arn))
    later = policy_for(resource_arn, Effect="Deny")
    kinesis.put_resource_policy(ResourceARN=resource_arn, Policy=later)
    assert policy_at(kinesis, resource_arn) == later


def test_a_consumer_and_its_stream_have_policies_of_their_own(
    kinesis: Any, stream_arn: str, settle: Settle
) -> None:
    consumer_arn = active_consumer(kinesis, settle, stream_arn)
    kinesis.put_resource_policy(ResourceARN=stream_arn, Policy=policy_for(stream_arn))
    assert policy_at(kinesis, consumer_arn) == NO_POLICY
    kinesis.put_resource_policy(ResourceARN=consumer_arn, Policy=policy_for(consumer_arn))
    assert policy_at(kinesis, stream_arn) == policy_for(stream_arn)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda arn: policy_of(statement_for(arn)), id="one statement, not in a list"),
        pytest.param(
            lambda arn: policy_of([statement_for(arn), statement_for(arn, Effect="Deny", Sid="deny")]),
            id="two statements",
        ),
        pytest.param(lambda arn: policy_of([statement_for(arn)], Id="writePolicy"), id="with an Id"),
        pytest.param(lambda arn: policy_of([statement_for(arn)], Version="2008-10-17"), id="old version"),
        pytest.param(changed(Principal="*"), id="everybody"),
        pytest.param(changed(Principal={"AWS": "*"}), id="every AWS principal"),
        pytest.param(changed(Principal={"AWS": ["111122223333", "444455556666"]}), id="two accounts"),
        pytest.param(changed(Principal={"Service": "lambda.amazonaws.com"}), id="a service"),
        pytest.param(changed(Action="kinesis:PutRecord"), id="one action, not in a list"),
        pytest.param(
            changed(
                Action=[
                    "kinesis:DescribeStream",
                    "kinesis:DescribeStreamSummary",
                    "kinesis:ListShards",
                    "kinesis:PutRecord",
                    "kinesis:PutRecords",
                    "kinesis:GetRecords",
                    "kinesis:GetShardIterator",
                ]
            ),
            id="all that readers and writers need",
        ),
        pytest.param(changed(Action="kinesis:Get*"), id="actions with a star"),
        pytest.param(changed(Action="Kinesis:putrecord"), id="an action in other letters"),
        pytest.param(
            changed(Condition={"StringEquals": {"aws:SourceAccount": "111122223333"}}), id="with a condition"
        ),
        pytest.param(lambda arn: policy_for(arn, Resource=[arn]), id="resource in a list"),
    ],
)
def test_takes_the_policies_that_share_a_stream(
    kinesis: Any, stream_arn: str, make: Callable[[str], str]
) -> None:
    kinesis.put_resource_policy(ResourceARN=stream_arn, Policy=make(stream_arn))
    assert policy_at(kinesis, stream_arn) == make(stream_arn)


@each(
    ("make", "why"),
    [
        (lambda _: "", INVALID_JSON),
        (lambda _: "{", INVALID_JSON),
        (lambda arn: policy_for(arn) + "x", INVALID_JSON),
        (lambda _: "[" * 10_000, INVALID_JSON),
        (lambda arn: f'"{arn}"', INVALID_JSON),
        (lambda _: "[]", INVALID_JSON),
        (lambda _: "{}", "Missing required field Version"),
        (lambda arn: policy_of(statement_for(arn), Version=None), "Missing required field Version"),
        (lambda _: '{"Version": "2012-10-17"}', "Missing required field Statement"),
        (lambda _: policy_of([]), "Missing required field Statement"),
        (lambda _: policy_of(None), "Missing required field Statement"),
        (
            lambda arn: policy_of([statement_for(arn)], Version="2024-01-01"),
            "Version must be one of 2012-10-17, 2008-10-17",
        ),
        (lambda _: policy_of(["Allow"]), wrong_statement("The statement is not a JSON object.", 41)),
        (changed(Actions="x"), wrong_statement("The field Actions is unknown.")),
        (changed(Effect="allow"), wrong_statement("The Effect is neither Allow nor Deny.")),
        (without("Effect"), wrong_statement("Missing required field Effect")),
        (without("Principal"), wrong_statement("Missing required field Principal")),
        (changed(Principal="111122223333"), wrong_statement("The Principal is not valid.")),
        (changed(Principal={}), wrong_statement("Missing required field Principal")),
        (changed(Principal={"AWS": []}), wrong_statement("The Principal is not valid.")),
        (changed(Principal={"AWS": [1]}), wrong_statement("The Principal is not valid.")),
        (changed(Principal={"Aws": "*"}), wrong_statement("The Principal is not valid.")),
        (without("Action"), wrong_statement("Missing required field Action")),
        (changed(Action=[]), wrong_statement("Missing required field Action")),
        (changed(Action="s3:GetObject"), invalid_actions("s3:GetObject")),
        (
            changed(Action=["kinesis:PutRecord", "kinesis:CreateStream"]),
            invalid_actions("kinesis:CreateStream"),
        ),
        (changed(Action=["a", "kinesis:PutRecord", "b", "a"]), invalid_actions("a", "b")),
        (
            changed(Action=[f"kinesis:{number}" for number in range(1_000)]),
            invalid_actions(*(f"kinesis:{number}" for number in range(10))),
        ),
        (changed(Action=[7]), invalid_actions("7")),
        (changed(Resource="arn:aws:s3:::bucket"), wrong_statement(OTHER_RESOURCE)),
        (lambda arn: policy_for(arn, Resource=f"{arn}-2"), wrong_statement(OTHER_RESOURCE)),
        (lambda arn: policy_for(arn, Resource=[arn, f"{arn}-2"]), wrong_statement(OTHER_RESOURCE)),
        (changed(Resource=[7]), wrong_statement(OTHER_RESOURCE)),
    ],
)
def test_a_text_that_is_no_policy_for_the_stream_is_refused(
    kinesis: Any, stream_arn: str, make: Callable[[str], str], why: str
) -> None:
    answer = refusal(kinesis.put_resource_policy, ResourceARN=stream_arn, Policy=make(stream_arn))
    assert answer == ("InvalidArgumentException", f"Policy validation error: {why}")
    assert policy_at(kinesis, stream_arn) == NO_POLICY


@pytest.mark.parametrize(
    ("opening", "place"),
    [
        ('{"Version":"2012-10-17","Statement":[', "line 1, column 38"),
        ('{"Version": "2012-10-17", "Statement": [', "line 1, column 41"),
        ('{"Version": "2012-10-17", "Statement": [{GOOD},', "line 1, column {after_good}"),
        ('{\n  "Version": "2012-10-17",\r\n  "Statement": [\r    ', "line 4, column 5"),
        ('{"Id": "[{\\"Statement\\": [", "Version": "2012-10-17", "Statement": [', "line 1, column 69"),
        ('{"Statement": [1], "Version": "2012-10-17", "Statement": [', "line 1, column 59"),
        ('{"Id": "naïve 😀", "Version": "2012-10-17", "Statement": [', "line 1, column 58"),
        ('{"Id": {"a": [1e5, true, null, {}]}, "Version": "2012-10-17", "Statement" : [ ', None),
    ],
)
def test_a_wrong_statement_is_named_by_its_place_in_the_text(
    kinesis: Any, stream_arn: str, opening: str, place: str | None
) -> None:
    good = json.dumps(statement_for(stream_arn))
    opening = opening.replace("{GOOD}", good)
    wrong = json.dumps(statement_for(stream_arn, Resource="arn:aws:kinesis:us-east-1:000000000000:stream/a"))
    place = (place or f"line 1, column {len(opening) + 1}").format(after_good=len(opening) + 1)
    answer = refusal(
        kinesis.put_resource_policy, ResourceARN=stream_arn, Policy=f"{opening}{wrong}, {good}]}}"
    )
    assert answer == (
        "InvalidArgumentException",
        f"Policy validation error: Resource policy contains invalid statement at {place}: {OTHER_RESOURCE}",
    )


@pytest.mark.parametrize("action", ["kinesis:PutRecord", "kinesis:GetRecords", "kinesis:ListShards"])
def test_a_consumer_shares_only_what_is_done_with_a_consumer(
    kinesis: Any, stream_arn: str, settle: Settle, action: str
) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    answer = refusal(kinesis.put_resource_policy, ResourceARN=arn, Policy=policy_for(arn, Action=action))
    assert answer == ("InvalidArgumentException", f"Policy validation error: {invalid_actions(action)}")
    for shared in ("kinesis:SubscribeToShard", "kinesis:DescribeStreamConsumer"):
        kinesis.put_resource_policy(ResourceARN=arn, Policy=policy_for(arn, Action=shared))


def test_the_policy_of_a_consumer_names_the_consumer(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    arn = active_consumer(kinesis, settle, stream_arn)
    answer = refusal(
        kinesis.put_resource_policy, ResourceARN=arn, Policy=policy_for(arn, Resource=stream_arn)
    )
    assert answer == (
        "InvalidArgumentException",
        f"Policy validation error: {wrong_statement(OTHER_RESOURCE)}",
    )


def test_a_policy_is_20_kib_long_at_most(kinesis: Any, stream_arn: str) -> None:
    policy = policy_for(stream_arn)
    longest = policy + " " * (20_480 - len(policy))
    kinesis.put_resource_policy(ResourceARN=stream_arn, Policy=longest)
    answer = refusal(kinesis.put_resource_policy, ResourceARN=stream_arn, Policy=f"{longest} ")
    assert answer == ("LimitExceededException", "The policy must not be longer than 20480 bytes.")


def test_lacking_members_are_told_in_one_answer(kinesis: Any) -> None:
    code, text = refusal(kinesis.put_resource_policy)
    assert code == "ValidationException"
    assert text.startswith("2 validation errors detected: ")
    for member in ("resourceARN", "policy"):
        assert f"Value null at '{member}' failed to satisfy constraint: Member must not be null" in text


@pytest.mark.parametrize(("wrong", "refused"), WRONG_POLICY_ARN)
def test_the_arn_must_be_that_of_a_resource_of_the_caller(
    kinesis: Any, stream_arn: str, wrong: Callable[[str], str], refused: Callable[[str], tuple[str, str]]
) -> None:
    arn = wrong(stream_arn)
    answer = refusal(kinesis.put_resource_policy, ResourceARN=arn, Policy=policy_for(arn))
    assert answer == refused(stream_arn)


@pytest.mark.parametrize("state", NOT_ACTIVE)
def test_the_stream_must_be_active(kinesis: Any, settle: Settle, account_id: str, state: str) -> None:
    arn = put_in_state(kinesis, settle, state)
    answer = refusal(kinesis.put_resource_policy, ResourceARN=arn, Policy=policy_for(arn))
    assert answer == busy(state, account_id)


def test_the_consumer_must_be_active(kinesis: Any, stream_arn: str, settle: Settle) -> None:
    arn = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName="reader")["Consumer"][
        "ConsumerARN"
    ]
    request = {"ResourceARN": arn, "Policy": policy_for(arn)}
    assert refusal(kinesis.put_resource_policy, **request) == inactive(arn)
    settle()
    kinesis.put_resource_policy(**request)
    kinesis.deregister_stream_consumer(ConsumerARN=arn)
    assert refusal(kinesis.put_resource_policy, **request) == inactive(arn)


def test_a_queue_has_a_policy_of_its_own_with_the_actions_of_queues(
    kinesis: Any, on_demand_arn: str, queue_arn: str
) -> None:
    policy = policy_for(queue_arn, Action=["kinesis:ReceiveQueueRecords", "kinesis:AcknowledgeQueueRecords"])
    kinesis.put_resource_policy(ResourceARN=queue_arn, Policy=policy)
    assert policy_at(kinesis, queue_arn) == policy
    assert policy_at(kinesis, on_demand_arn) == NO_POLICY
    wrong = policy_for(queue_arn, Action=["kinesis:PutRecord"])
    answer = refusal(kinesis.put_resource_policy, ResourceARN=queue_arn, Policy=wrong)
    assert answer[0] == "InvalidArgumentException"
    kinesis.delete_resource_policy(ResourceARN=queue_arn)
    assert policy_at(kinesis, queue_arn) == NO_POLICY


def test_a_queue_must_be_active(kinesis: Any, queue_arn: str) -> None:
    policy = policy_for(queue_arn, Action=["kinesis:ReceiveQueueRecords"])
    kinesis.delete_queue(QueueARN=queue_arn)
    answer = refusal(kinesis.put_resource_policy, ResourceARN=queue_arn, Policy=policy)
    assert answer[0] == "ResourceInUseException"
