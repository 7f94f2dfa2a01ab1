"""CloudFormation for functions and what belongs to them, by the real SDK."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from headwater.neighbours.cloudformation import function_resources
from headwater.neighbours.cloudformation.function_resources import FUNCTION_TYPES
from headwater.neighbours.cloudformation.published_schemas import readable
from headwater.testing import Headwater
from tests.lambda_.function_server import HAS_NODE, NODE, PYTHON, ROLE, zipped
from tests.neighbours.cloudformation.test_streams import Document, Stacks, attribute, stream
from tests.neighbours.conftest import ClientOf
from tests.waiting import awaited

ECHO = "def handler(event, context):\n    return ['one', event]\n"
OTHER = "def handler(event, context):\n    return ['two', event]\n"
CREATED, UPDATED = "CREATE_COMPLETE", "UPDATE_COMPLETE"
WITHOUT_MEANING = {
    "AWS::Lambda::Alias": {"ProvisionedConcurrencyConfig"},
    "AWS::Lambda::EventSourceMapping": set[str](),
    "AWS::Lambda::Function": {"RecursiveLoop", "RuntimeManagementConfig"},
    "AWS::Lambda::Permission": set[str](),
    "AWS::Lambda::Version": {"ProvisionedConcurrencyConfig", "RuntimePolicy"},
}
"""Properties that are accepted and mean nothing here, as docs/infrastructure.md says."""


class FunctionStacks(Stacks):
    """With Lambda's client."""

    def __init__(self, client_of: ClientOf) -> None:
        super().__init__(client_of)
        self.client = client_of("lambda")

    def function(self, name: str) -> Document:
        shown: Document = self.client.get_function_configuration(FunctionName=name)
        return shown

    def names(self) -> list[str]:
        return [each["FunctionName"] for each in self.client.list_functions()["Functions"]]

    def invoke(self, name: str, event: Any = None) -> Any:
        """What it answers, once it does within Lambda's three seconds: little for a busy machine."""

        def answer() -> list[Any]:
            body = self.client.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read()
            return [] if b"Sandbox.Timedout" in body else [json.loads(body)]

        return awaited(answer)[0]

    def mappings(self) -> list[Document]:
        found: list[Document] = self.client.list_event_source_mappings()["EventSourceMappings"]
        return found


@pytest.fixture
def stacks(headwater: Headwater, client_of: ClientOf) -> Iterator[FunctionStacks]:
    yield FunctionStacks(client_of)
    headwater.reset()


def resource(kind: str, **properties: Any) -> Document:
    return {"Type": f"AWS::Lambda::{kind}", "Properties": properties}


def function(source: str = ECHO, **properties: Any) -> Document:
    given = {"Runtime": PYTHON, "Handler": "index.handler", "Role": ROLE, "Code": {"ZipFile": source}}
    return resource("Function", **(given | properties))


def ref(name: str) -> Document:
    return {"Ref": name}


def mapping(**properties: Any) -> Document:
    given = {
        "FunctionName": ref("F"),
        "EventSourceArn": attribute("S", "Arn"),
        "StartingPosition": "TRIM_HORIZON",
    }
    return resource("EventSourceMapping", **(given | properties))


EVERYTHING: Document = {
    "FunctionName": "everything",
    "Description": "all of it",
    "Timeout": 7,
    "MemorySize": 256,
    "Environment": {"Variables": {"COLOUR": "blue"}},
    "EphemeralStorage": {"Size": 1024},
    "Architectures": ["arm64"],
    "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"},
    "TracingConfig": {"Mode": "Active"},
    "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
    "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/1",
    "LoggingConfig": {"LogFormat": "JSON"},
    "SnapStart": {"ApplyOn": "None"},
    "PackageType": "Zip",
    "ReservedConcurrentExecutions": 3,
    "RecursiveLoop": "Allow",
    "RuntimeManagementConfig": {"UpdateRuntimeOn": "Auto"},
    "Tags": [{"Key": "team", "Value": "blue"}],
}


def test_a_function_has_every_property_of_its_schema_and_loses_it_again(stacks: FunctionStacks) -> None:
    outputs = {"Outputs": {"Arn": {"Value": attribute("F", "Arn")}, "Name": {"Value": ref("F")}}}
    assert stacks.create({"F": function(**EVERYTHING)}, template=outputs)["StackStatus"] == CREATED
    shown = stacks.function("everything")
    for name in ("Description", "Timeout", "MemorySize", "Environment", "EphemeralStorage", "Architectures"):
        assert shown[name] == EVERYTHING[name]
    for name in ("DeadLetterConfig", "TracingConfig", "LoggingConfig"):
        assert shown[name] == EVERYTHING[name]
    assert shown["VpcConfig"]["SubnetIds"] == ["subnet-1"]
    assert shown["KMSKeyArn"] == EVERYTHING["KmsKeyArn"]
    assert stacks.client.list_tags(Resource=shown["FunctionArn"])["Tags"] == {"team": "blue"}
    assert stacks.client.get_function(FunctionName="everything")["Concurrency"] == {
        "ReservedConcurrentExecutions": 3
    }
    assert stacks.outputs() == {"Arn": shown["FunctionArn"], "Name": "everything"}
    assert stacks.invoke("everything", 5) == ["one", 5]

    kept = {"FunctionName": "everything", "PackageType": "Zip"}
    assert stacks.update({"F": function(**kept)}, template=outputs)["StackStatus"] == UPDATED
    shown = stacks.function("everything")
    assert (shown["Description"], shown["Timeout"], shown["MemorySize"]) == ("", 3, 128)
    assert (shown["Architectures"], shown["EphemeralStorage"]) == (["x86_64"], {"Size": 512})
    assert shown["TracingConfig"] == {"Mode": "PassThrough"}
    assert not {"Environment", "DeadLetterConfig", "KMSKeyArn"} & shown.keys()
    assert shown["VpcConfig"]["SubnetIds"] == []
    assert stacks.client.list_tags(Resource=shown["FunctionArn"])["Tags"] == {}
    assert "Concurrency" not in stacks.client.get_function(FunctionName="everything")


@pytest.mark.parametrize("type_name", sorted(FUNCTION_TYPES))
def test_no_property_and_no_attribute_of_a_schema_is_forgotten(type_name: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_name).schema
    given = {name for name in schema["properties"] if name not in readable(type_name)}
    own = vars(function_resources)
    known = {
        "AWS::Lambda::Alias": {"Description", "FunctionName", "FunctionVersion", "Name", "RoutingConfig"},
        "AWS::Lambda::EventSourceMapping": {*own["MAPPING_OPTIONS"], *own["MAPPING_SOURCE"], "Tags"},
        "AWS::Lambda::Function": {
            *own["CONFIGURATION"], *own["NOT_OFFERED"], *own["ONLY_AT_CREATION"],
            "Architectures", "Code", "FunctionName", "ReservedConcurrentExecutions", "Tags",
        },
        "AWS::Lambda::Permission": given,
        "AWS::Lambda::Version": {"CodeSha256", "Description", "FunctionName", "FunctionScalingConfig"},
    }  # fmt: skip
    assert given <= known[type_name] | WITHOUT_MEANING[type_name]
    assert FUNCTION_TYPES[type_name].attributes == readable(type_name)


@pytest.mark.skipif(not HAS_NODE, reason="there is no Node.js")
def test_a_template_has_the_source_of_a_function_in_node(stacks: FunctionStacks) -> None:
    source = "exports.handler = async (event) => [event, typeof require('cfn-response').send];"
    made = stacks.create({"F": function(source, Runtime=NODE)})
    assert made["StackStatus"] == CREATED, stacks.reasons("CREATE_FAILED")
    assert stacks.invoke(stacks.physical("F"), 3) == [3, "function"]


def test_source_in_the_template_is_for_interpreters_only(stacks: FunctionStacks) -> None:
    made = stacks.create({"F": function(Runtime="provided.al2023")})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = "ZipFile can only be used when Runtime is set to one of Node.js or Python."
    assert reason in stacks.reasons("CREATE_FAILED")[0]


def test_the_same_source_is_the_same_code(stacks: FunctionStacks) -> None:
    stacks.create({"A": function(), "B": function(), "C": function(OTHER)})
    a, b, c = (stacks.function(stacks.physical(name))["CodeSha256"] for name in "ABC")
    assert a == b != c


def test_the_module_for_custom_resources_lies_beside_the_source(stacks: FunctionStacks) -> None:
    told: list[Any] = []

    class Listener(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    source = (
        "import cfnresponse\ndef handler(event, context):\n"
        "    data = {'Answer': 42}\n"
        "    cfnresponse.send(event, context, cfnresponse.SUCCESS, data, 'mine', reason='because')\n"
    )
    stacks.create({"F": function(source)})
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        event = {"StackId": "s", "RequestId": "r", "LogicalResourceId": "l"}
        url = f"http://127.0.0.1:{server.server_port}/"
        assert stacks.invoke(stacks.physical("F"), {**event, "ResponseURL": url}) is None
        server.shutdown()
    assert told == [
        {
            **event,
            "Status": "SUCCESS",
            "Reason": "because",
            "PhysicalResourceId": "mine",
            "NoEcho": False,
            "Data": {"Answer": 42},
        }
    ]


def test_code_comes_from_a_bucket_of_the_neighbour(stacks: FunctionStacks) -> None:
    s3 = stacks.client_of("s3")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="one.zip", Body=zipped({"index.py": ECHO}))
    s3.put_object(Bucket="code", Key="two.zip", Body=zipped({"index.py": OTHER}))

    def resources(key: str, **properties: Any) -> Document:
        return {"F": function(Code={"S3Bucket": "code", "S3Key": key}, **properties)}

    assert stacks.create(resources("one.zip"))["StackStatus"] == CREATED
    name = stacks.physical("F")
    assert stacks.invoke(name, 1) == ["one", 1]
    assert stacks.update(resources("two.zip"))["StackStatus"] == UPDATED
    assert stacks.invoke(name, 1) == ["two", 1]
    assert stacks.physical("F") == name
    failed = stacks.update(resources("absent.zip", Timeout=9))
    assert failed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "Error occurred while GetObject" in stacks.reasons("UPDATE_FAILED")[0]
    assert (
        "(Service: Lambda, Error Code: InvalidParameterValueException)" in stacks.reasons("UPDATE_FAILED")[0]
    )
    assert stacks.function(name)["Timeout"] == 3
    assert stacks.invoke(name, 1) == ["two", 1]


def test_another_name_is_another_function(stacks: FunctionStacks) -> None:
    stacks.create({"F": function(FunctionName="before")})
    stacks.update({"F": function(FunctionName="after")})
    assert stacks.names() == ["after"]


def test_a_name_that_is_made_is_short_enough_and_one_of_its_own(stacks: FunctionStacks) -> None:
    name = "a-very-long-name-of-a-stack-that-leaves-no-room-at-all-for-others"
    stacks.create({"F": function(), "G": function()}, name=name)
    first, second = (stacks.physical(each, name) for each in "FG")
    assert len(first) == len(second) == 64
    assert first != second


def test_a_function_outlives_its_stack_if_that_is_its_policy(stacks: FunctionStacks) -> None:
    stacks.create({"F": {**function(FunctionName="kept"), "DeletionPolicy": "Retain"}, "G": function()})
    stacks.cloudformation.delete_stack(StackName="stack")
    assert stacks.names() == ["kept"]


def test_tags_of_the_stack_are_those_of_functions_and_mappings(stacks: FunctionStacks) -> None:
    resources = {"S": stream(), "F": function(), "M": mapping(Tags=[{"Key": "own", "Value": "1"}])}
    stacks.create(resources, Tags=[{"Key": "stack", "Value": "2"}])
    tags = stacks.client.list_tags(Resource=stacks.function(stacks.physical("F"))["FunctionArn"])["Tags"]
    assert tags == {"stack": "2"}
    arn = stacks.mappings()[0]["EventSourceMappingArn"]
    assert stacks.client.list_tags(Resource=arn)["Tags"] == {"stack": "2", "own": "1"}
    resources["M"] = mapping(Tags=[{"Key": "own", "Value": "3"}])
    stacks.update(resources, Tags=[{"Key": "stack", "Value": "2"}])
    assert stacks.client.list_tags(Resource=arn)["Tags"] == {"stack": "2", "own": "3"}


def with_versions(source: str, version: str, description: str = "") -> Document:
    return {
        "F": function(source, FunctionName="versioned"),
        version: resource("Version", FunctionName=ref("F"), Description=description),
        "A": resource(
            "Alias", FunctionName=ref("F"), FunctionVersion=attribute(version, "Version"), Name="live"
        ),
    }


def test_versions_and_aliases_follow_the_code(stacks: FunctionStacks) -> None:
    outputs = {"Outputs": {"Version": {"Value": ref("V1")}, "Alias": {"Value": ref("A")}}}
    made = stacks.create(with_versions(ECHO, "V1"), template=outputs)
    assert made["StackStatus"] == CREATED, stacks.reasons("CREATE_FAILED")
    arn = stacks.function("versioned")["FunctionArn"]
    assert stacks.outputs() == {"Version": f"{arn}:1", "Alias": f"{arn}:live"}
    assert stacks.invoke("versioned:live", 1) == ["one", 1]
    assert stacks.update(with_versions(OTHER, "V2"))["StackStatus"] == UPDATED
    assert stacks.invoke("versioned:live", 1) == ["two", 1]
    assert stacks.client.get_alias(FunctionName="versioned", Name="live")["FunctionVersion"] == "2"
    versions = stacks.client.list_versions_by_function(FunctionName="versioned")["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", "2"]
    stack_id = stacks.show()["StackId"]
    stacks.cloudformation.delete_stack(StackName="stack")
    assert stacks.names() == []
    assert stacks.status(stack_id) == "DELETE_COMPLETE"


def test_what_is_new_in_a_stack_is_removed_after_what_needs_it(stacks: FunctionStacks) -> None:
    stacks.create(with_versions(ECHO, "V1"))
    stacks.update(with_versions(OTHER, "V2"))
    failed = {**with_versions(ECHO, "V3"), "G": function(FunctionName="versioned")}
    assert stacks.update(failed)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.invoke("versioned:live", 1) == ["two", 1]
    stack_id = stacks.show()["StackId"]
    stacks.cloudformation.delete_stack(StackName="stack")
    assert stacks.status(stack_id) == "DELETE_COMPLETE"


def test_an_alias_shares_its_invocations(stacks: FunctionStacks) -> None:
    stacks.create(with_versions(ECHO, "V1"))
    both = {**with_versions(OTHER, "V2"), "V1": with_versions(ECHO, "V1")["V1"]}
    weights = [{"FunctionVersion": attribute("V1", "Version"), "FunctionWeight": 0.25}]
    both["A"]["Properties"] |= {
        "RoutingConfig": {"AdditionalVersionWeights": weights},
        "Description": "shared",
        "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1},
    }
    assert stacks.update(both)["StackStatus"] == UPDATED, stacks.reasons("UPDATE_FAILED")
    alias = stacks.client.get_alias(FunctionName="versioned", Name="live")
    assert alias["RoutingConfig"] == {"AdditionalVersionWeights": {"1": 0.25}}
    assert (alias["Description"], alias["FunctionVersion"]) == ("shared", "2")
    del both["A"]["Properties"]["RoutingConfig"], both["A"]["Properties"]["Description"]
    stacks.update(both)
    alias = stacks.client.get_alias(FunctionName="versioned", Name="live")
    assert (alias["Description"], "RoutingConfig" in alias) == ("", False)


def test_a_version_of_what_has_a_version_already_is_refused(stacks: FunctionStacks) -> None:
    resources = with_versions(ECHO, "V1")
    stacks.create(resources)
    resources["V2"] = resource("Version", FunctionName=ref("F"))
    assert stacks.update(resources)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    reason = "A version for this Lambda function exists ( 1 ). Modify the function to create a new version."
    assert reason in stacks.reasons("CREATE_FAILED")[0]
    assert stacks.invoke("versioned:1", 1) == ["one", 1]


def test_permissions_are_statements_of_the_functions_policy(stacks: FunctionStacks) -> None:
    def permitted(principal: str) -> Document:
        permission = resource(
            "Permission",
            FunctionName=ref("F"),
            Action="lambda:InvokeFunction",
            Principal=principal,
            SourceArn="arn:aws:s3:::bucket",
            SourceAccount="000000000000",
        )
        return {"F": function(FunctionName="open"), "P": permission}

    def statements() -> list[Document]:
        found: list[Document] = json.loads(stacks.client.get_policy(FunctionName="open")["Policy"])[
            "Statement"
        ]
        return found

    assert stacks.create(permitted("s3.amazonaws.com"))["StackStatus"] == CREATED
    (statement,) = statements()
    assert statement["Sid"] == stacks.physical("P")
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"]["ArnLike"] == {"AWS:SourceArn": "arn:aws:s3:::bucket"}
    stacks.update(permitted("sns.amazonaws.com"))
    (replaced,) = statements()
    assert replaced["Principal"] == {"Service": "sns.amazonaws.com"}
    assert replaced["Sid"] != statement["Sid"]
    stacks.update({"F": function(FunctionName="open")})
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        statements()


OPTIONS: Document = {
    "BatchSize": 7,
    "BisectBatchOnFunctionError": True,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "MaximumBatchingWindowInSeconds": 1,
    "MaximumRecordAgeInSeconds": 120,
    "MaximumRetryAttempts": 2,
    "ParallelizationFactor": 3,
    "FilterCriteria": {"Filters": [{"Pattern": '{"data":{"kind":["order"]}}'}]},
    "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:failed"}},
    "MetricsConfig": {"Metrics": ["EventCount"]},
}


def test_a_mapping_has_every_option_and_loses_it_again(stacks: FunctionStacks) -> None:
    resources = {"S": stream(), "F": function(), "M": mapping(**OPTIONS)}
    assert stacks.create(resources)["StackStatus"] == CREATED, stacks.reasons("CREATE_FAILED")
    (shown,) = stacks.mappings()
    assert shown["UUID"] == stacks.physical("M")
    assert shown["State"] == "Enabled"
    assert {name: shown[name] for name in OPTIONS} == OPTIONS
    resources["M"] = mapping(Enabled=False)
    assert stacks.update(resources)["StackStatus"] == UPDATED, stacks.reasons("UPDATE_FAILED")
    (plain,) = stacks.mappings()
    assert (plain["UUID"], plain["State"]) == (shown["UUID"], "Disabled")
    assert (plain["BatchSize"], plain["MaximumRecordAgeInSeconds"]) == (100, -1)
    assert (plain["MaximumRetryAttempts"], plain["ParallelizationFactor"]) == (-1, 1)
    assert (plain["DestinationConfig"], plain["FunctionResponseTypes"]) == ({"OnFailure": {}}, [])
    assert "FilterCriteria" not in plain


def test_another_starting_position_is_another_mapping(stacks: FunctionStacks) -> None:
    resources = {"S": stream(), "F": function(), "G": function(), "M": mapping()}
    stacks.create(resources)
    before = stacks.physical("M")
    stacks.update({**resources, "M": mapping(StartingPosition="LATEST", FunctionName=ref("G"))})
    (shown,) = stacks.mappings()
    assert shown["UUID"] == stacks.physical("M") != before
    assert shown["StartingPosition"] == "LATEST"


def test_records_that_pass_the_filter_run_the_function(stacks: FunctionStacks, client_of: ClientOf) -> None:
    sqs = client_of("sqs")
    queue = sqs.create_queue(QueueName="failed")["QueueUrl"]
    source = "def handler(event, context):\n    raise ValueError('no')\n"
    options = {**OPTIONS, "MaximumRetryAttempts": 0, "MaximumBatchingWindowInSeconds": 0}
    named = {"StreamARN": attribute("S", "Arn"), "ConsumerName": "own"}
    consumer = {"Type": "AWS::Kinesis::StreamConsumer", "Properties": named}
    resources = {
        "S": stream(Name="orders"),
        "C": consumer,
        "F": function(source),
        "M": mapping(EventSourceArn=ref("C"), **options),
    }
    assert stacks.create(resources)["StackStatus"] == CREATED, stacks.reasons("CREATE_FAILED")
    for kind in ("other", "order"):
        data = json.dumps({"kind": kind}).encode()
        stacks.kinesis.put_record(StreamName="orders", Data=data, PartitionKey="1")

    def told() -> list[Document]:
        found: list[Document] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
        return found

    failure = json.loads(awaited(told)[0]["Body"])
    assert failure["KinesisBatchInfo"]["batchSize"] == 1
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"


def test_a_failure_undoes_the_stack_and_says_lambdas_error(stacks: FunctionStacks) -> None:
    refused = resource("Function", Runtime="cobol", Handler="h", Role=ROLE, Code={"ZipFile": "x"})
    resources = {"S": stream(Name="s"), "F": function(), "M": mapping(BatchSize=10), "N": mapping()}
    made = stacks.create(resources)
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    (reason,) = stacks.reasons("CREATE_FAILED")
    assert reason.startswith('Resource handler returned message: "The event source arn (" arn:aws:kinesis')
    assert "already exists" in reason
    assert "(Service: Lambda, Error Code: ResourceConflictException)" in reason
    assert reason.endswith("(HandlerErrorCode: AlreadyExists)")
    assert (stacks.names(), stacks.mappings(), stacks.streams()) == ([], [], [])
    assert stacks.create({"F": refused}, name="other")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "cobol is not a valid enum value" in stacks.reasons("CREATE_FAILED", "other")[0]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"Layers": ["arn:aws:lambda:us-east-1:1:layer:l:1"]}, "Headwater does not offer Layers."),
        ({"PackageType": "Image", "Code": {"ImageUri": "i"}}, "does not offer functions of container images"),
        ({"Code": {"S3Bucket": "absent", "S3Key": "k"}}, "Error occurred while GetObject"),
        ({"Timeout": 901}, "at most 900"),
        ({"Environment": {"Variables": {"AWS_REGION": "r"}}}, "reserved keys"),
        ({"FunctionName": "no name"}, "failed to satisfy constraint"),
        ({"Colour": "blue"}, r"#: extraneous key [Colour] is not permitted"),
        ({"Arn": "a"}, r"#: extraneous key [Arn] is not permitted"),
    ],
)
def test_a_property_that_cannot_be_is_refused(
    stacks: FunctionStacks, properties: Document, reason: str
) -> None:
    assert stacks.create({"F": function(**properties)})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reason in stacks.reasons("CREATE_FAILED")[0]
    assert stacks.names() == []


def test_a_stack_goes_whose_functions_were_deleted_by_hand(stacks: FunctionStacks) -> None:
    resources = {**with_versions(ECHO, "V1"), "S": stream(), "M": mapping()}
    resources["P"] = resource(
        "Permission", FunctionName=ref("F"), Action="lambda:InvokeFunction", Principal="000000000000"
    )
    made = stacks.create(resources)
    assert made["StackStatus"] == CREATED, stacks.reasons("CREATE_FAILED")
    stacks.client.delete_event_source_mapping(UUID=stacks.physical("M"))
    stacks.client.delete_function(FunctionName="versioned")
    stacks.cloudformation.delete_stack(StackName="stack")
    gone = stacks.cloudformation.describe_stacks(StackName=made["StackId"])["Stacks"][0]
    assert gone["StackStatus"] == "DELETE_COMPLETE"
    assert stacks.streams() == []


@pytest.mark.parametrize(
    "recorded",
    [
        resource("Url", TargetFunctionArn=ref("F"), AuthType="NONE"),
        {"Type": "Custom::Thing", "Properties": {"ServiceToken": attribute("F", "Arn"), "Any": 1}},
        {
            "Type": "AWS::CloudFormation::CustomResource",
            "Properties": {"ServiceToken": attribute("F", "Arn")},
        },
    ],
    ids=lambda recorded: str(recorded["Type"]),
)
def test_what_nobody_makes_is_recorded(stacks: FunctionStacks, recorded: Document) -> None:
    assert stacks.create({"F": function(), "U": recorded})["StackStatus"] == CREATED
    events = stacks.cloudformation.describe_stack_events(StackName="stack")["StackEvents"]
    (event,) = (each for each in events if "nothing was made" in each.get("ResourceStatusReason", ""))
    assert event["LogicalResourceId"] == "U"
    stacks.cloudformation.delete_stack(StackName="stack")
    assert stacks.names() == []


SERVERLESS = """
Transform: AWS::Serverless-2016-10-31
Globals: {{Function: {{Runtime: {runtime}, Handler: index.handler, Timeout: 9}}}}
Parameters: {{Size: {{Type: Number, Default: 5}}}}
Resources:
  S: {{Type: AWS::Kinesis::Stream}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        def handler(event, context): return {answer}
      AutoPublishAlias: live
      Policies: [AWSLambdaBasicExecutionRole, {{KinesisStreamReadPolicy: {{StreamName: !Ref S}}}}]
      Events:
        Orders:
          Type: Kinesis
          Properties: {{Stream: !GetAtt S.Arn, StartingPosition: TRIM_HORIZON, BatchSize: !Ref Size}}
Outputs: {{Name: {{Value: !Ref F}}, Version: {{Value: !Ref F.Version}}}}
"""


def serverless(answer: str) -> str:
    return SERVERLESS.format(runtime=PYTHON, answer=answer)


def test_a_serverless_template_is_expanded(stacks: FunctionStacks) -> None:
    stacks.cloudformation.create_stack(StackName="stack", TemplateBody=serverless("1"))
    assert stacks.status() == CREATED, stacks.reasons("CREATE_FAILED")
    name = stacks.outputs()["Name"]
    assert stacks.function(name)["Timeout"] == 9
    assert stacks.outputs()["Version"].endswith(f":function:{name}:1")
    assert stacks.invoke(f"{name}:live") == 1
    (shown,) = stacks.mappings()
    assert shown["BatchSize"] == 5
    assert shown["FunctionArn"].endswith(f":{name}:live")

    stacks.cloudformation.update_stack(
        StackName="stack",
        TemplateBody=serverless("2"),
        Parameters=[{"ParameterKey": "Size", "ParameterValue": "6"}],
    )
    assert stacks.status() == UPDATED, stacks.reasons("UPDATE_FAILED")
    assert stacks.invoke(f"{name}:live") == 2
    assert stacks.mappings()[0]["BatchSize"] == 6
    assert stacks.mappings()[0]["UUID"] == shown["UUID"]
    stacks.cloudformation.delete_stack(StackName="stack")
    assert (stacks.names(), stacks.mappings(), stacks.streams()) == ([], [], [])


def test_serverless_templates_are_read_wherever_templates_come_in(stacks: FunctionStacks) -> None:
    client, text = stacks.cloudformation, serverless("1")
    transforms = ["AWS::Serverless-2016-10-31"]
    assert client.validate_template(TemplateBody=text)["DeclaredTransforms"] == transforms
    summary = client.get_template_summary(TemplateBody=text)
    assert summary["DeclaredTransforms"] == transforms
    assert "AWS::Serverless::Function" in summary["ResourceTypes"]
    client.create_change_set(StackName="stack", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=text)
    changes = client.describe_change_set(StackName="stack", ChangeSetName="c")["Changes"]
    types = {each["ResourceChange"]["ResourceType"] for each in changes}
    assert {"AWS::Lambda::Function", "AWS::Lambda::Version", "AWS::IAM::Role"} <= types
    planned = client.get_template(StackName="stack", ChangeSetName="c")["TemplateBody"]
    assert planned["Resources"]["F"]["Type"] == "AWS::Lambda::Function"
    client.execute_change_set(StackName="stack", ChangeSetName="c")
    original = client.get_template(StackName="stack", TemplateStage="Original")
    assert original["TemplateBody"] == text
    assert original["StagesAvailable"] == ["Original", "Processed"]
    processed = client.get_template(StackName="stack", TemplateStage="Processed")["TemplateBody"]
    assert processed["Resources"]["FOrders"]["Type"] == "AWS::Lambda::EventSourceMapping"
    managed = processed["Resources"]["FRole"]["Properties"]["ManagedPolicyArns"]
    assert "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole" in managed


def test_a_change_set_names_the_properties_that_change(stacks: FunctionStacks) -> None:
    stacks.create({"F": function(FunctionName="planned"), "G": function()})
    resources = {"F": function(OTHER, FunctionName="other"), "G": function(Timeout=4)}
    client = stacks.cloudformation
    body = json.dumps({"Resources": resources})
    client.create_change_set(StackName="stack", ChangeSetName="c", ChangeSetType="UPDATE", TemplateBody=body)
    changes = client.describe_change_set(StackName="stack", ChangeSetName="c")["Changes"]
    planned = {each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"] for each in changes}
    targets = {
        name: [(each["Target"]["Name"], each["Target"]["RequiresRecreation"]) for each in change["Details"]]
        for name, change in planned.items()
    }
    assert targets == {"F": [("Code", "Never"), ("FunctionName", "Always")], "G": [("Timeout", "Never")]}
    assert [planned[name]["Replacement"] for name in "FG"] == ["True", "False"]


def test_what_the_translator_refuses_is_the_templates_error(stacks: FunctionStacks) -> None:
    text = json.dumps(
        {
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "h"}}},
        }
    )
    with pytest.raises(ClientError, match=r"Transform AWS::Serverless-2016-10-31 failed with: .*\[F\]"):
        stacks.cloudformation.create_stack(StackName="stack", TemplateBody=text)
    with pytest.raises(ClientError, match=r"Transform AWS::Serverless-2016-10-31 failed with: .*\[F\]"):
        stacks.cloudformation.validate_template(TemplateBody=text)


def test_a_function_is_told_its_settings_and_its_stream(stacks: FunctionStacks) -> None:
    source = (
        "import os\nseen = []\ndef handler(event, context):\n"
        "    seen.extend(each['kinesis']['data'] for each in event.get('Records', ()))\n"
        "    return [os.environ['STREAM'], seen]\n"
    )
    variables = {"Variables": {"STREAM": ref("S")}}
    resources = {
        "S": stream(Name="told"),
        "F": function(source, Environment=variables, ReservedConcurrentExecutions=1),
        "M": mapping(),
    }
    stacks.create(resources)
    stacks.kinesis.put_record(StreamName="told", Data=b"an order", PartitionKey="1")
    name = stacks.physical("F")

    def seen() -> list[str]:
        answer = stacks.client.invoke(FunctionName=name)
        said = json.loads(answer["Payload"].read()) if "FunctionError" not in answer else ["", []]
        assert said[0] == "told"
        return [str(each) for each in said[1]]

    def look() -> list[str]:
        try:
            return seen()
        except stacks.client.exceptions.TooManyRequestsException:
            return []

    assert base64.b64decode(awaited(look)[0]) == b"an order"
