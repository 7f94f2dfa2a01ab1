"""The image with the services beside it: what was left out of it is needed by none of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest

from tests.image.building import Image
from tests.image.container import Container, started

pytestmark = pytest.mark.image

EVERY_SERVICE = """
import importlib, pkgutil, moto

missing = []
for found in pkgutil.iter_modules(moto.__path__):
    for part in ("models", "responses", "urls") if found.ispkg else ():
        try:
            importlib.import_module(f"moto.{found.name}.{part}")
        except ModuleNotFoundError as error:
            if not error.name.startswith("moto."):
                missing.append(error.name)
        except FileNotFoundError as error:
            missing.append(error.filename)
print(missing)
"""
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders: {Type: AWS::Kinesis::Stream, Properties: {Name: orders, ShardCount: 2}}
  Customers: {Type: AWS::Serverless::SimpleTable}
  Waiting: {Type: AWS::SQS::Queue}
Outputs:
  Arn: {Value: !GetAtt Orders.Arn}
"""


@pytest.fixture(scope="module")
def container(image_aws: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A container of it."""
    with started(image_aws, tmp_path_factory.mktemp("services")) as running:
        yield running


def client(container: Container, service: str) -> closing[Any]:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    made = boto3.client(service, endpoint_url=container.endpoint_url, region_name="us-east-1", **keys)
    return closing(made)


def test_every_module_of_moto_finds_what_it_imports(container: Container) -> None:
    ran = container.run("python3", "-W", "ignore", "-c", EVERY_SERVICE)
    assert ran.stdout == "[]\n", ran.stderr


def test_a_stack_is_made_of_the_published_schemas(container: Container) -> None:
    with client(container, "cloudformation") as stacks:
        stacks.create_stack(StackName="shop", TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_AUTO_EXPAND"])
        stacks.get_waiter("stack_create_complete").wait(StackName="shop", WaiterConfig={"Delay": 1})
        (stack,) = stacks.describe_stacks(StackName="shop")["Stacks"]
    assert stack["Outputs"][0]["OutputValue"].endswith(":stream/orders")


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("cloudwatch", "list_metrics"),
        ("dynamodb", "list_tables"),
        ("ec2", "describe_instance_types"),
        ("events", "list_rules"),
        ("iam", "list_policies"),
        ("kms", "list_keys"),
        ("logs", "describe_log_groups"),
        ("pipes", "list_pipes"),
        ("s3", "list_buckets"),
        ("secretsmanager", "list_secrets"),
        ("sns", "list_topics"),
        ("sqs", "list_queues"),
        ("ssm", "describe_parameters"),
        ("stepfunctions", "list_state_machines"),
        ("sts", "get_caller_identity"),
    ],
)
def test_a_service_answers(container: Container, service: str, operation: str) -> None:
    with client(container, service) as asked:
        answer = getattr(asked, operation)()
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
