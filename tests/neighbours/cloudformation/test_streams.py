"""CloudFormation for streams, by the real SDK; and what had to be mended in moto's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.neighbours.cloudformation.published_schemas import PropertiesInvalid, checked, readable
from headwater.neighbours.cloudformation.stream_resources import RESOURCE_TYPES
from headwater.testing import Headwater
from tests.neighbours.conftest import ClientOf, clients_for

STREAM = "AWS::Kinesis::Stream"
CONSUMER = "AWS::Kinesis::StreamConsumer"
POLICY = "AWS::Kinesis::ResourcePolicy"
Document = dict[str, Any]


class Stacks:
    """A stack of one name, and what can be seen of it."""

    def __init__(self, client_of: ClientOf) -> None:
        self.client_of = client_of
        self.cloudformation = client_of("cloudformation")
        self.kinesis = client_of("kinesis")

    def create(self, resources: Document, name: str = "stack", **more: Any) -> Document:
        template = {"Resources": resources, **more.pop("template", {})}
        self.cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), **more)
        return self.show(name)

    def update(self, resources: Document, name: str = "stack", **more: Any) -> Document:
        template = {"Resources": resources, **more.pop("template", {})}
        self.cloudformation.update_stack(StackName=name, TemplateBody=json.dumps(template), **more)
        return self.show(name)

    def show(self, name: str = "stack") -> Document:
        shown: Document = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return shown

    def status(self, name: str = "stack") -> str:
        return str(self.show(name)["StackStatus"])

    def outputs(self, name: str = "stack") -> dict[str, str]:
        return {each["OutputKey"]: each["OutputValue"] for each in self.show(name).get("Outputs", ())}

    def physical(self, logical: str, name: str = "stack") -> str:
        found = self.cloudformation.describe_stack_resource(StackName=name, LogicalResourceId=logical)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def events(self, name: str = "stack") -> list[tuple[str, str]]:
        events = self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return [(each["LogicalResourceId"], each["ResourceStatus"]) for each in reversed(events)]

    def reasons(self, status: str, name: str = "stack") -> list[str]:
        events = self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return [each["ResourceStatusReason"] for each in events if each["ResourceStatus"] == status]

    def streams(self) -> list[str]:
        names: list[str] = self.kinesis.list_streams()["StreamNames"]
        return names

    def summary(self, name: str) -> Document:
        shown: Document = self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        return shown


@pytest.fixture
def stacks(headwater: Headwater, client_of: ClientOf) -> Iterator[Stacks]:
    yield Stacks(client_of)
    headwater.reset()


def stream(**properties: Any) -> Document:
    return {"Type": STREAM, "Properties": properties}


def attribute(resource: str, name: str) -> Document:
    return {"Fn::GetAtt": [resource, name]}


EVERYTHING = {
    "Name": "everything",
    "ShardCount": 3,
    "RetentionPeriodHours": 48,
    "StreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
    "StreamModeDetails": {"StreamMode": "PROVISIONED"},
    "DesiredShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"],
    "MaxRecordSizeInKiB": 2048,
    "Tags": [{"Key": "team", "Value": "blue"}],
}


def test_a_stream_has_every_property_of_its_schema(stacks: Stacks) -> None:
    assert stacks.create({"S": stream(**EVERYTHING)})["StackStatus"] == "CREATE_COMPLETE"
    summary = stacks.summary("everything")
    assert summary["OpenShardCount"] == 3
    assert summary["RetentionPeriodHours"] == 48
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")
    assert set(summary["EnhancedMonitoring"][0]["ShardLevelMetrics"]) == {"IncomingBytes", "OutgoingBytes"}
    assert summary["MaxRecordSizeInKiB"] == 2048
    tags = stacks.kinesis.list_tags_for_stream(StreamName="everything")["Tags"]
    assert tags == [{"Key": "team", "Value": "blue"}]


def test_an_on_demand_stream_has_its_own_properties(stacks: Stacks) -> None:
    on_demand = {"StreamMode": "ON_DEMAND"}
    properties = {"StreamModeDetails": on_demand, "RecordDistributionStrategy": "AUTO"}
    stacks.create({"S": stream(Name="on-demand", **properties)})
    summary = stacks.summary("on-demand")
    assert (summary["StreamModeDetails"], summary["OpenShardCount"]) == (on_demand, 4)
    assert summary["RecordDistributionStrategy"] == "AUTO"


def test_a_stream_is_known_by_its_name_and_arn(stacks: Stacks) -> None:
    outputs = {"Ref": {"Value": {"Ref": "S"}}, "Arn": {"Value": attribute("S", "Arn")}}
    stacks.create({"S": stream(ShardCount=1)}, template={"Outputs": outputs})
    name = stacks.outputs()["Ref"]
    assert name.startswith("stack-S-")
    assert stacks.outputs()["Arn"] == f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"
    assert stacks.streams() == [name]


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"ShardCount": 10}, {"OpenShardCount": 10}),
        ({"ShardCount": 1}, {"OpenShardCount": 1}),
        ({"RetentionPeriodHours": 24}, {"RetentionPeriodHours": 24}),
        ({"RetentionPeriodHours": None}, {"RetentionPeriodHours": 24}),
        ({"StreamEncryption": None}, {"EncryptionType": "NONE"}),
        ({"DesiredShardLevelMetrics": ["ALL"]}, {}),
        ({"DesiredShardLevelMetrics": None}, {"EnhancedMonitoring": [{"ShardLevelMetrics": []}]}),
        ({"MaxRecordSizeInKiB": None}, {"MaxRecordSizeInKiB": 1024}),
        (
            {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "ShardCount": None},
            {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
        ),
    ],
    ids=str,
)
def test_a_stream_is_updated_in_its_place(stacks: Stacks, changed: Document, shown: Document) -> None:
    stacks.create({"S": stream(**EVERYTHING)})
    created = stacks.summary("everything")["StreamCreationTimestamp"]
    after = {key: value for key, value in {**EVERYTHING, **changed}.items() if value is not None}
    assert stacks.update({"S": stream(**after)})["StackStatus"] == "UPDATE_COMPLETE"
    summary = stacks.summary("everything")
    assert summary["StreamCreationTimestamp"] == created
    assert {name: summary[name] for name in shown} == shown


def test_tags_of_the_stack_and_of_the_resource_follow_the_template(stacks: Stacks) -> None:
    def tags() -> dict[str, str]:
        listed = stacks.kinesis.list_tags_for_stream(StreamName="tagged")["Tags"]
        return {tag["Key"]: tag["Value"] for tag in listed}

    first = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    stacks.create({"S": stream(Name="tagged", Tags=first)}, Tags=[{"Key": "team", "Value": "blue"}])
    assert tags() == {"a": "1", "b": "2", "team": "blue"}
    stacks.update({"S": stream(Name="tagged", Tags=[{"Key": "b", "Value": "3"}])})
    assert tags() == {"b": "3", "team": "blue"}


def test_stacks_are_listed_with_their_status(stacks: Stacks) -> None:
    stacks.create({"S": stream(Name="one")})
    listed = stacks.cloudformation.list_stacks()["StackSummaries"]
    assert [(each["StackName"], each["StackStatus"]) for each in listed] == [("stack", "CREATE_COMPLETE")]


def test_a_new_name_is_a_new_stream(stacks: Stacks) -> None:
    stacks.create({"S": stream(Name="old")})
    stacks.update({"S": stream(Name="new")})
    assert stacks.streams() == ["new"]
    assert stacks.physical("S") == "new"
    events = stacks.events()
    assert events.index(("S", "DELETE_COMPLETE")) > events.index(("S", "UPDATE_COMPLETE"))


CONSUMED = {
    "Consumer": {"Type": CONSUMER, "Properties": {"ConsumerName": "c", "StreamARN": attribute("S", "Arn")}},
    "Policy": {
        "Type": POLICY,
        "Properties": {
            "ResourceArn": attribute("S", "Arn"),
            "ResourcePolicy": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": "111122223333"},
                        "Action": "kinesis:GetRecords",
                        "Resource": attribute("S", "Arn"),
                    }
                ],
            },
        },
    },
    "S": stream(Name="consumed"),
}


def test_consumers_and_policies_belong_to_a_stream(stacks: Stacks) -> None:
    names = ("ConsumerARN", "ConsumerName", "ConsumerStatus", "StreamARN", "ConsumerCreationTimestamp")
    outputs = {name: {"Value": attribute("Consumer", name)} for name in names}
    stacks.create(CONSUMED, template={"Outputs": outputs})
    arn = stacks.outputs()["StreamARN"]
    consumer = stacks.kinesis.list_stream_consumers(StreamARN=arn)["Consumers"][0]
    assert stacks.physical("Consumer") == stacks.outputs()["ConsumerARN"] == consumer["ConsumerARN"]
    assert (stacks.outputs()["ConsumerName"], stacks.outputs()["ConsumerStatus"]) == ("c", "ACTIVE")
    assert "111122223333" in stacks.kinesis.get_resource_policy(ResourceARN=arn)["Policy"]
    changed = json.loads(json.dumps(CONSUMED).replace("111122223333", "444455556666"))
    changed["Consumer"]["Properties"]["ConsumerName"] = "d"
    stacks.update(changed)
    assert "444455556666" in stacks.kinesis.get_resource_policy(ResourceARN=arn)["Policy"]
    consumers = stacks.kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    assert [each["ConsumerName"] for each in consumers] == ["d"]


def test_resources_are_made_in_the_order_of_their_needs_and_removed_in_the_opposite(stacks: Stacks) -> None:
    stack_id = stacks.create(CONSUMED)["StackId"]
    made = [name for name, status in stacks.events() if status == "CREATE_COMPLETE"]
    stacks.cloudformation.delete_stack(StackName="stack")
    removed = [name for name, status in stacks.events(stack_id) if status == "DELETE_COMPLETE"]
    assert made == ["S", "Consumer", "Policy", "stack"]
    assert removed == ["Policy", "Consumer", "S", "stack"]
    assert stacks.streams() == []


def test_every_attribute_of_the_schema_is_known() -> None:
    for type_name, kind in RESOURCE_TYPES.items():
        assert readable(type_name) <= kind.attributes


def test_a_failure_rolls_the_whole_stack_back_with_the_engines_reason(stacks: Stacks) -> None:
    stacks.kinesis.create_stream(StreamName="taken", ShardCount=1)
    resources = {"A": stream(Name="first"), "B": {**stream(Name="taken"), "DependsOn": "A"}}
    assert stacks.create(resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert stacks.streams() == ["taken"]
    assert "Stream taken under account 000000000000 already exists." in stacks.reasons("CREATE_FAILED")[0]
    assert "The following resource(s) failed to create: [B]. " in stacks.reasons("ROLLBACK_IN_PROGRESS")[0]
    assert stacks.events()[-3:] == [
        ("A", "DELETE_IN_PROGRESS"),
        ("A", "DELETE_COMPLETE"),
        ("stack", "ROLLBACK_COMPLETE"),
    ]
    assert stacks.outputs() == {}


def test_a_failed_update_goes_back_to_what_was_before(stacks: Stacks) -> None:
    stacks.kinesis.create_stream(StreamName="taken", ShardCount=1)
    stacks.create({"A": stream(Name="first", ShardCount=1), "C": stream(Name="third")})
    changed = {
        "A": stream(Name="first", ShardCount=2, RetentionPeriodHours=48),
        "D": stream(Name="fourth"),
        "B": {**stream(Name="taken"), "DependsOn": ["A", "D"]},
    }
    assert stacks.update(changed)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.streams() == ["first", "taken", "third"]
    summary = stacks.summary("first")
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (1, 24)
    resources = stacks.cloudformation.list_stack_resources(StackName="stack")["StackResourceSummaries"]
    assert sorted(each["LogicalResourceId"] for each in resources) == ["A", "C"]
    body = stacks.cloudformation.get_template(StackName="stack")["TemplateBody"]
    assert "fourth" not in str(body)


def test_half_of_an_update_of_one_stream_is_undone_too(stacks: Stacks) -> None:
    stacks.create({"A": stream(Name="first", ShardCount=1)})
    tags = [{"Key": "aws:reserved", "Value": "x"}]
    stacks.update({"A": stream(Name="first", ShardCount=2, RetentionPeriodHours=48, Tags=tags)})
    assert stacks.status() == "UPDATE_ROLLBACK_COMPLETE"
    summary = stacks.summary("first")
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (1, 24)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ({"Resources": {"X": {"Type": "AWS::No::Such"}}}, "Unrecognized resource types: [AWS::No::Such]"),
        ({"Resources": {}}, "At least one Resources member must be defined."),
        ({"Resources": {"X": {}}}, "Every Resources object must contain a Type member."),
        ({"Resources": {"X": stream(Name={"Ref": "Y"})}}, "Unresolved resource dependencies [Y]"),
        ({"Resources": {"X": stream(Name={"Fn::Sub": "${Y}-a"})}}, "Unresolved resource dependencies [Y]"),
        (
            {"Resources": {"X": stream(Name={"Ref": "Y"}), "Y": stream(Name={"Ref": "X"})}},
            "Circular dependency between resources: [X, Y]",
        ),
        ({"Resources": {"X": stream()}, "Nonsense": 1}, "Invalid template property or properties [Nonsense]"),
        ("[", "YAML not well-formed"),
        ("x", "unsupported structure"),
    ],
    ids=str,
)
def test_a_template_that_cannot_be_deployed_is_refused(
    stacks: Stacks, template: Document | str, text: str
) -> None:
    body = template if isinstance(template, str) else json.dumps(template)
    planned = {"StackName": "s", "ChangeSetName": "c", "ChangeSetType": "CREATE"}
    for operation, arguments in (
        ("create_stack", {"StackName": "s"}),
        ("create_change_set", planned),
        ("validate_template", {}),
    ):
        with pytest.raises(ClientError) as refused:
            getattr(stacks.cloudformation, operation)(TemplateBody=body, **arguments)
        assert refused.value.response["Error"]["Code"] == "ValidationError"
        assert text in refused.value.response["Error"]["Message"]
    assert stacks.cloudformation.describe_stacks()["Stacks"] == []


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        (stream(Colour="red"), "#: extraneous key [Colour] is not permitted"),
        (stream(Arn="x"), "#: extraneous key [Arn] is not permitted"),
        (
            stream(StreamEncryption={"KeyId": "k"}),
            "StreamEncryption: required key [EncryptionType] not found",
        ),
        (stream(StreamModeDetails={"StreamMode": "FAST"}), "FAST is not a valid enum value"),
        (stream(ShardCount="many"), "#/ShardCount: expected type: Integer"),
        ({"Type": CONSUMER, "Properties": {"ConsumerName": "c"}}, "#: required key [StreamARN] not found"),
        ({"Type": "AWS::SQS::Queue", "Properties": {"Colour": 1}}, "#: extraneous key [Colour]"),
        (stream(RetentionPeriodHours=1), "Minimum allowed retention period is 24"),
    ],
    ids=str,
)
def test_a_property_that_cannot_be_is_the_reason_of_the_failure(
    stacks: Stacks, resource: Document, text: str
) -> None:
    assert stacks.create({"X": resource})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert text in stacks.reasons("CREATE_FAILED")[0]
    assert stacks.streams() == []


def test_a_stack_whose_stream_was_deleted_by_hand_can_be_deleted(stacks: Stacks) -> None:
    stacks.create(CONSUMED)
    stacks.kinesis.delete_stream(StreamName="consumed", EnforceConsumerDeletion=True)
    stacks.cloudformation.delete_stack(StackName="stack")
    with pytest.raises(ClientError, match="does not exist"):
        stacks.show()


def test_a_deletion_policy_is_kept(stacks: Stacks) -> None:
    kept = {**stream(Name="kept"), "DeletionPolicy": "Retain"}
    stacks.create({"Kept": kept, "Gone": stream(Name="gone")})
    stacks.cloudformation.delete_stack(StackName="stack")
    assert stacks.streams() == ["kept"]


def test_to_delete_what_is_not_there_succeeds(stacks: Stacks) -> None:
    stacks.cloudformation.delete_stack(StackName="absent")


def change(stacks: Stacks, kind: str, resources: Document, name: str = "stack", **more: Any) -> str:
    template = {"Resources": resources, **more.pop("template", {})}
    made = stacks.cloudformation.create_change_set(
        StackName=name, ChangeSetName="change", ChangeSetType=kind, TemplateBody=json.dumps(template), **more
    )
    return str(made["Id"])


def test_a_stack_has_outputs_after_a_change_set(stacks: Stacks) -> None:
    outputs = {"Outputs": {"Arn": {"Value": attribute("S", "Arn"), "Export": {"Name": "arn"}}}}
    change(stacks, "CREATE", {"S": stream(Name="one")}, template=outputs)
    stacks.cloudformation.execute_change_set(StackName="stack", ChangeSetName="change")
    assert stacks.outputs()["Arn"].endswith("stream/one")
    change(stacks, "UPDATE", {"S": stream(Name="two")}, template=outputs)
    stacks.cloudformation.execute_change_set(StackName="stack", ChangeSetName="change")
    assert stacks.outputs()["Arn"].endswith("stream/two")
    name = {"Fn::Select": [1, {"Fn::Split": ["/", {"Fn::ImportValue": "arn"}]}]}
    imported = stream(Name={"Fn::Join": ["-", ["of", name]]})
    change(stacks, "CREATE", {"S": imported}, name="importing")
    stacks.cloudformation.execute_change_set(StackName="importing", ChangeSetName="change")
    assert stacks.physical("S", "importing") == "of-two"


def test_a_change_set_says_what_it_would_replace(stacks: Stacks) -> None:
    stacks.create({"S": stream(Name="one"), "T": stream(Name="t"), "U": stream(Name="u")})
    change(stacks, "UPDATE", {"S": stream(Name="two"), "T": stream(Name="t", ShardCount=2), "V": stream()})
    described = stacks.cloudformation.describe_change_set(StackName="stack", ChangeSetName="change")
    planned = [each["ResourceChange"] for each in described["Changes"]]
    changes = {each["LogicalResourceId"]: each for each in planned}
    assert {name: each["Action"] for name, each in changes.items()} == {
        "S": "Modify",
        "T": "Modify",
        "U": "Remove",
        "V": "Add",
    }
    assert (changes["S"]["Replacement"], changes["T"]["Replacement"]) == ("True", "False")
    assert stacks.streams() == ["one", "t", "u"]


def test_a_change_set_without_changes_has_failed(stacks: Stacks) -> None:
    stacks.create({"S": stream(Name="one")})
    change(stacks, "UPDATE", {"S": stream(Name="one")})
    described = stacks.cloudformation.describe_change_set(StackName="stack", ChangeSetName="change")
    assert described["Status"] == "FAILED"
    assert "didn't contain changes" in described["StatusReason"]
    with pytest.raises(ClientError, match="InvalidChangeSetStatus"):
        stacks.cloudformation.execute_change_set(StackName="stack", ChangeSetName="change")
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stacks.update({"S": stream(Name="one")})


def test_change_sets_that_do_not_exist(stacks: Stacks) -> None:
    stacks.create({"S": stream(Name="one")})
    stacks.cloudformation.delete_change_set(StackName="stack", ChangeSetName="absent")
    for call in (stacks.cloudformation.describe_change_set, stacks.cloudformation.execute_change_set):
        with pytest.raises(ClientError) as refused:
            call(StackName="stack", ChangeSetName="absent")
        assert refused.value.response["Error"]["Code"] == "ChangeSetNotFound"


def test_change_sets_of_two_stacks_may_have_one_name(stacks: Stacks) -> None:
    change(stacks, "CREATE", {"S": stream(Name="one")}, name="a")
    change(stacks, "CREATE", {"S": stream(Name="two")}, name="b")
    stacks.cloudformation.execute_change_set(StackName="b", ChangeSetName="change")
    assert stacks.streams() == ["two"]
    stacks.cloudformation.delete_change_set(StackName="a", ChangeSetName="change")
    change(stacks, "CREATE", {"S": stream(Name="three")}, name="a")
    assert len(stacks.cloudformation.describe_stacks()["Stacks"]) == 2
    stacks.cloudformation.execute_change_set(StackName="a", ChangeSetName="change")
    assert stacks.streams() == ["three", "two"]


def test_the_previous_value_of_a_parameter_in_ssm_is_its_name(stacks: Stacks, client_of: ClientOf) -> None:
    client_of("ssm").put_parameter(Name="/shards", Value="2", Type="String")
    in_ssm = "AWS::SSM::Parameter::Value<String>"
    template = {"Parameters": {"Shards": {"Type": in_ssm, "Default": "/shards"}}}
    resources = {"S": stream(Name="one", ShardCount={"Ref": "Shards"})}
    shown = stacks.create(resources, template=template)
    assert shown["Parameters"] == [
        {"ParameterKey": "Shards", "ParameterValue": "/shards", "ResolvedValue": "2"}
    ]
    client_of("ssm").put_parameter(Name="/shards", Value="4", Type="String", Overwrite=True)
    resources["T"] = stream(Name="two")
    previous = [{"ParameterKey": "Shards", "UsePreviousValue": True}]
    change(stacks, "UPDATE", resources, template=template, Parameters=previous)
    stacks.cloudformation.execute_change_set(StackName="stack", ChangeSetName="change")
    assert stacks.summary("one")["OpenShardCount"] == 4
    absent = {"Parameters": {"P": {"Type": in_ssm, "Default": "/absent"}}}
    with pytest.raises(ClientError, match=r"Unable to fetch parameters \[/absent\]"):
        stacks.create({"S": stream(Name={"Ref": "P"})}, name="other", template=absent)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "templates.localhost"])
def test_a_template_may_lie_in_a_bucket(stacks: Stacks, client_of: ClientOf, host: str) -> None:
    client_of("s3").create_bucket(Bucket="templates")
    body = json.dumps({"Resources": {"S": stream(Name="one")}})
    client_of("s3").put_object(Bucket="templates", Key="a/b.json", Body=body)
    path = "a/b.json" if host.startswith("templates") else "templates/a/b.json"
    stacks.cloudformation.create_stack(StackName="stack", TemplateURL=f"http://{host}:4566/{path}")
    assert stacks.streams() == ["one"]
    with pytest.raises(ClientError, match="S3 error"):
        stacks.cloudformation.create_stack(StackName="other", TemplateURL=f"http://{host}:4566/x/y")


def test_a_template_in_yaml_makes_no_objects(stacks: Stacks) -> None:
    body = "Resources: {S: {Type: 'AWS::Kinesis::Stream', Properties: {Name: !!python/name:os.system }}}"
    for call in (stacks.cloudformation.validate_template, stacks.cloudformation.get_template_summary):
        with pytest.raises(ClientError, match="YAML not well-formed"):
            call(TemplateBody=body)


def test_yaml_has_the_short_forms(stacks: Stacks) -> None:
    body = """
AWSTemplateFormatVersion: 2010-09-09
Parameters: {Prefix: {Type: String, Default: a}}
Conditions: {Never: !Equals [!Ref Prefix, b]}
Resources:
  S: {Type: AWS::Kinesis::Stream, Properties: {Name: !Sub "${Prefix}-${AWS::Region}", ShardCount: 1}}
  T: {Type: AWS::Kinesis::Stream, Condition: Never}
Outputs:
  Arn: {Value: !GetAtt S.Arn}
  Name: {Value: !If [Never, x, !Ref S]}
"""
    stacks.cloudformation.create_stack(StackName="stack", TemplateBody=body)
    assert stacks.outputs()["Name"] == "a-us-east-1"
    assert stacks.outputs()["Arn"].endswith("a-us-east-1")
    assert stacks.streams() == ["a-us-east-1"]


def test_a_serverless_template_is_expanded(stacks: Stacks) -> None:
    table = {"Type": "AWS::Serverless::SimpleTable", "Properties": {"TableName": "leases"}}
    transform = {"Transform": "AWS::Serverless-2016-10-31"}
    shown = stacks.create({"S": stream(Name="one"), "T": table}, template=transform)
    assert shown["StackStatus"] == "CREATE_COMPLETE"
    assert stacks.client_of("dynamodb").list_tables()["TableNames"] == ["leases"]
    broken = {"T": {"Type": "AWS::Serverless::SimpleTable", "Properties": {"Colour": "red"}}}
    with pytest.raises(ClientError, match=r"Transform AWS::Serverless-2016-10-31 failed with"):
        stacks.create(broken, name="broken", template=transform)


def test_a_stack_of_one_server_is_made_there(headwater: Headwater) -> None:
    with Headwater(account_id="222233334444") as other:
        Stacks(clients_for(other.endpoint_url)).create({"S": stream(Name="there")}, name="there")
        assert other.client().list_streams()["StreamNames"] == ["there"]
    assert "there" not in headwater.client().list_streams()["StreamNames"]


FAILING = {"A": stream(Name="first"), "B": {**stream(RetentionPeriodHours=1), "DependsOn": "A"}}


@pytest.mark.parametrize(
    ("option", "status", "left"),
    [
        ({}, "ROLLBACK_COMPLETE", []),
        ({"OnFailure": "DO_NOTHING"}, "CREATE_FAILED", ["first"]),
        ({"DisableRollback": True}, "CREATE_FAILED", ["first"]),
        ({"OnFailure": "DELETE"}, "DELETE_COMPLETE", []),
    ],
    ids=str,
)
def test_what_happens_on_failure_can_be_said(
    stacks: Stacks, option: Document, status: str, left: list[str]
) -> None:
    body = json.dumps({"Resources": FAILING})
    stack_id = stacks.cloudformation.create_stack(StackName="stack", TemplateBody=body, **option)["StackId"]
    assert (stacks.status(stack_id), stacks.streams()) == (status, left)
    if status != "DELETE_COMPLETE":
        with pytest.raises(ClientError, match=f"is in {status} state and can not be updated"):
            change(stacks, "UPDATE", {"A": stream(Name="first")})
        stacks.cloudformation.delete_stack(StackName="stack")
    assert stacks.streams() == []


def test_an_update_that_is_not_rolled_back_goes_on_with_the_next_one(stacks: Stacks) -> None:
    stacks.create({"A": stream(Name="first", ShardCount=1)})
    change(stacks, "UPDATE", {**FAILING, "A": stream(Name="first", ShardCount=2)})
    stacks.cloudformation.execute_change_set(StackName="stack", ChangeSetName="change", DisableRollback=True)
    assert (stacks.status(), stacks.summary("first")["OpenShardCount"]) == ("UPDATE_FAILED", 2)
    stacks.update({"A": stream(Name="first", ShardCount=2), "B": stream(Name="second")})
    assert (stacks.status(), stacks.streams()) == ("UPDATE_COMPLETE", ["first", "second"])


def test_a_protected_stack_is_not_deleted(stacks: Stacks) -> None:
    stacks.create({"A": stream(Name="first")}, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        stacks.cloudformation.delete_stack(StackName="stack")
    assert stacks.streams() == ["first"]


EXPORTING = {"Outputs": {"Arn": {"Value": {"Fn::GetAtt": "S.Arn"}, "Export": {"Name": "the-arn"}}}}
IMPORTING = {
    "C": {
        "Type": CONSUMER,
        "Properties": {"ConsumerName": "c", "StreamARN": {"Fn::ImportValue": "the-arn"}},
    }
}


def test_what_is_imported_is_neither_deleted_nor_changed(stacks: Stacks) -> None:
    stacks.create({"S": stream(Name="exported")}, template=EXPORTING)
    with pytest.raises(ClientError, match="'the-arn' is not imported by any stack"):
        stacks.cloudformation.list_imports(ExportName="the-arn")
    assert stacks.create(IMPORTING, "importer")["StackStatus"] == "CREATE_COMPLETE"
    assert stacks.cloudformation.list_imports(ExportName="the-arn")["Imports"] == ["importer"]
    with pytest.raises(ClientError, match="Export the-arn cannot be deleted as it is in use by importer"):
        stacks.cloudformation.delete_stack(StackName="stack")
    assert stacks.status() == "CREATE_COMPLETE"
    stacks.update({"S": stream(Name="another")}, template=EXPORTING)
    assert stacks.status() == "UPDATE_ROLLBACK_COMPLETE"
    reasons = stacks.reasons("UPDATE_ROLLBACK_IN_PROGRESS")
    assert reasons == ["Export the-arn cannot be updated as it is in use by importer"]
    assert stacks.streams() == ["exported"]
    stacks.update({"S": stream(Name="exported")})
    reasons = stacks.reasons("UPDATE_ROLLBACK_IN_PROGRESS")
    assert reasons[0] == "Export the-arn cannot be deleted as it is in use by importer"
    stacks.cloudformation.delete_stack(StackName="importer")
    stacks.cloudformation.delete_stack(StackName="stack")
    assert stacks.streams() == []


def test_an_on_demand_stream_has_no_shard_count(stacks: Stacks) -> None:
    properties = {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "ShardCount": 2}
    assert stacks.create({"S": stream(**properties)})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "ShardCount is not expected when StreamMode=ON_DEMAND" in stacks.reasons("CREATE_FAILED")[0]
    assert stacks.streams() == []


def test_an_attribute_is_named_in_one_text_too(stacks: Stacks) -> None:
    body = f"""
    Resources:
      C: {{Type: "{CONSUMER}", Properties: {{ConsumerName: c, StreamARN: {{"Fn::GetAtt": S.Arn}}}}}}
      S: {{Type: "{STREAM}", Properties: {{Name: one-text, ShardCount: "2"}}}}
    Outputs: {{Arn: {{Value: {{"Fn::GetAtt": S.Arn}}}}}}
    """
    stacks.cloudformation.create_stack(StackName="stack", TemplateBody=body)
    assert stacks.outputs()["Arn"].endswith(":stream/one-text")
    assert stacks.summary("one-text")["OpenShardCount"] == 2


def test_a_loop_is_named_as_missing(stacks: Stacks) -> None:
    loop = {"Fn::ForEach::Streams": ["Name", ["a", "b"], {"${Name}": stream(ShardCount=1)}]}
    with pytest.raises(ClientError, match="Fn::ForEach::Streams: Headwater does not expand Fn::ForEach"):
        stacks.create(loop, template={"Transform": "AWS::LanguageExtensions"})


def test_a_text_is_taken_for_the_number_that_it_says() -> None:
    alarm = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": "1", "Threshold": "0.5"}
    typed = checked("AWS::CloudWatch::Alarm", alarm)
    assert (typed["EvaluationPeriods"], typed["Threshold"]) == (1, 0.5)
    with pytest.raises(PropertiesInvalid, match="#/Threshold: expected type: Number, found: Str"):
        checked("AWS::CloudWatch::Alarm", {**alarm, "Threshold": "much"})
