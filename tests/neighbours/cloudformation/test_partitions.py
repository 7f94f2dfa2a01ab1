"""Every partition of AWS, by the real SDK: streams, functions, neighbours and stacks have its ARNs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import partial
from typing import Any
from zipfile import ZipFile

import pytest

from headwater.model.partition import PARTITIONS
from headwater.testing import Headwater
from tests.neighbours.conftest import ClientOf

ACCOUNT_ID = "000000000000"
EVERY_DAY = ("aws", "aws-cn")
"""The partitions that are tried each day; the others differ from these in a row of a table."""
REGIONS = [
    pytest.param(
        partition.id,
        partition.url_suffix,
        next(name for name in partition.regions if name[-1].isdigit()),
        marks=() if partition.id in EVERY_DAY else pytest.mark.long,
    )
    for partition in PARTITIONS
]
every_partition = pytest.mark.parametrize(("partition", "suffix", "region"), REGIONS, ids=str)


@pytest.fixture(autouse=True)
def _forgotten(headwater: Headwater) -> Iterator[None]:
    yield
    headwater.reset()


def get(resource: str, attribute: str) -> dict[str, Any]:
    return {"Value": {"Fn::GetAtt": [resource, attribute]}}


TEMPLATE = {
    "Resources": {
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "orders", "ShardCount": 1}},
        "Consumer": {
            "Type": "AWS::Kinesis::StreamConsumer",
            "Properties": {"ConsumerName": "app", "StreamARN": get("Stream", "Arn")["Value"]},
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"RoleName": "role", "AssumeRolePolicyDocument": {"Version": "2012-10-17"}},
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "check-out",
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Role": get("Role", "Arn")["Value"],
                "Code": {"ZipFile": "def handler(event, context): return event"},
            },
        },
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": get("Function", "Arn")["Value"],
                "EventSourceArn": get("Stream", "Arn")["Value"],
                "StartingPosition": "LATEST",
            },
        },
    },
    "Outputs": {
        "Stream": get("Stream", "Arn"),
        "Consumer": get("Consumer", "ConsumerARN"),
        "Role": get("Role", "Arn"),
        "Function": get("Function", "Arn"),
        "Mapping": get("Mapping", "EventSourceMappingArn"),
        "Partition": {"Value": {"Ref": "AWS::Partition"}},
        "Suffix": {"Value": {"Fn::Sub": "kinesis.${AWS::Region}.${AWS::URLSuffix}"}},
    },
}


@every_partition
def test_a_stack_has_the_arns_of_its_partition(
    client_of: ClientOf, partition: str, suffix: str, region: str
) -> None:
    cloudformation = client_of("cloudformation", region_name=region)
    cloudformation.create_stack(StackName="stack", TemplateBody=json.dumps(TEMPLATE))
    stack = cloudformation.describe_stacks(StackName="stack")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert outputs["Stream"] == f"arn:{partition}:kinesis:{region}:{ACCOUNT_ID}:stream/orders"
    assert outputs["Consumer"].startswith(f"{outputs['Stream']}/consumer/app:")
    assert outputs["Role"] == f"arn:{partition}:iam::{ACCOUNT_ID}:role/role"
    assert outputs["Function"] == f"arn:{partition}:lambda:{region}:{ACCOUNT_ID}:function:check-out"
    assert outputs["Mapping"].startswith(
        f"arn:{partition}:lambda:{region}:{ACCOUNT_ID}:event-source-mapping:"
    )
    assert (outputs["Partition"], outputs["Suffix"]) == (partition, f"kinesis.{region}.{suffix}")
    assert stack["StackId"].startswith(f"arn:{partition}:cloudformation:{region}:")


def zipped() -> bytes:
    written = io.BytesIO()
    with ZipFile(written, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): return event")
    return written.getvalue()


@every_partition
def test_every_arn_that_is_given_out_is_taken_again(
    client_of: ClientOf, partition: str, suffix: str, region: str
) -> None:
    client_here = partial(client_of, region_name=region)
    kinesis, functions = client_here("kinesis"), client_here("lambda")
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig={"Delay": 1})
    stream = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    assert stream.startswith(f"arn:{partition}:kinesis:{region}:")
    kinesis.put_record(StreamARN=stream, Data=b"x", PartitionKey="k")
    role = client_here("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    function = functions.create_function(
        FunctionName="check-out",
        Runtime="python3.12",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": zipped()},
    )["FunctionArn"]
    assert functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"] == function
    functions.tag_resource(Resource=function, Tags={"team": "blue"})
    queue = client_here("sqs").create_queue(QueueName="failed")["QueueUrl"]
    of_queue = client_here("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    mapping = functions.create_event_source_mapping(
        EventSourceArn=stream,
        FunctionName=function,
        StartingPosition="LATEST",
        DestinationConfig={"OnFailure": {"Destination": of_queue["Attributes"]["QueueArn"]}},
    )
    assert functions.list_tags(Resource=mapping["EventSourceMappingArn"])["Tags"] == {}
    functions.add_permission(
        FunctionName=function, StatementId="s", Action="lambda:InvokeFunction", Principal=f"x.{suffix}"
    )
    policy = json.loads(functions.get_policy(FunctionName=function)["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": f"x.{suffix}"}


@every_partition
def test_a_template_is_found_by_its_buckets_host(
    client_of: ClientOf, partition: str, suffix: str, region: str
) -> None:
    s3 = client_of("s3", region_name=region)
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket="templates", **(elsewhere if region != "us-east-1" else {}))
    s3.put_object(Bucket="templates", Key="a/template.json", Body=json.dumps(TEMPLATE).encode())
    cloudformation = client_of("cloudformation", region_name=region)
    url = f"https://templates.s3.{region}.{suffix}/a/template.json"
    cloudformation.create_stack(StackName="stack", TemplateURL=url)
    assert cloudformation.describe_stacks(StackName="stack")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    assert partition in cloudformation.describe_stacks()["Stacks"][0]["StackId"]
