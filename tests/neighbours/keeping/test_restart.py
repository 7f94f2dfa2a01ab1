"""What the neighbours had before a restart or a kill, they have after it; exactly, where that is promised."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.crash.server_process import ServerProcess
from tests.neighbours.conftest import ClientOf, clients_for
from tests.neighbours.logs.test_subscription_filters import zipped
from tests.neighbours.stream_reader import StreamReader
from tests.waiting import awaited

Start = Callable[..., ServerProcess]

TABLE = {
    "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "leaseKey", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
KEY = {"leaseKey": {"S": "shardId-000000000000"}}
COUNT = {
    "Key": KEY,
    "UpdateExpression": "ADD leaseCounter :one",
    "ExpressionAttributeValues": {":one": {"N": "1"}},
}
TEMPLATE = {
    "Resources": {
        "Orders": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Leases": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "of-stack", **TABLE}},
    },
    "Outputs": {"Name": {"Value": {"Ref": "Orders"}}},
}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server on one data directory again and again."""
    servers: list[ServerProcess] = []

    def start(*options: str) -> ServerProcess:
        server = ServerProcess(tmp_path / "data", 0, tmp_path / "log", "--log-level", "warning", *options)
        servers.append(server)
        server.wait_until_ready()
        return server

    yield start
    for server in servers:
        server.kill()


def clients(server: ServerProcess) -> ClientOf:
    return clients_for(f"http://127.0.0.1:{server.port}")


@pytest.mark.long
@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_acknowledged_writes_of_tables_survive_a_kill(start: Start, region: str) -> None:
    server = start()
    tables = clients(server)("dynamodb", region_name=region)
    made = tables.create_table(
        TableName="leases",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        **TABLE,
    )["TableDescription"]
    counted = [tables.update_item(TableName="leases", **COUNT) for _ in range(30)]
    with pytest.raises(tables.exceptions.ConditionalCheckFailedException):
        tables.put_item(TableName="leases", Item=KEY, ConditionExpression="attribute_not_exists(leaseKey)")
    server.kill()

    server = start()
    tables = clients(server)("dynamodb", region_name=region)
    item = tables.get_item(TableName="leases", Key=KEY)["Item"]
    assert item["leaseCounter"]["N"] == str(len(counted))
    found = tables.describe_table(TableName="leases")["Table"]
    assert (found["CreationDateTime"], found["LatestStreamArn"]) == (
        made["CreationDateTime"],
        made["LatestStreamArn"],
    )


@pytest.mark.long
def test_a_snapshot_of_another_moto_is_put_aside_and_said(start: Start, tmp_path: Path) -> None:
    server = start()
    clients(server)("dynamodb").create_table(TableName="leases", **TABLE)
    assert server.stop() == 0
    snapshot = tmp_path / "data" / "neighbours" / "snapshot"
    heading, newline, state = snapshot.read_bytes().partition(b"\n")
    snapshot.write_bytes(json.dumps({**json.loads(heading), "moto": "4.0.0"}).encode() + newline + state)
    server = start()
    assert clients(server)("dynamodb").list_tables()["TableNames"] == []
    assert "it was written with moto 4.0.0" in (tmp_path / "log").read_text()
    aside = tmp_path / "data" / "neighbours-aside-1" / "snapshot"
    assert aside.read_bytes().endswith(state)


@pytest.mark.long
def test_a_stack_is_deployed_before_a_kill_changed_after_it_and_removed(start: Start) -> None:
    server = start()
    stacks = clients(server)("cloudformation")
    stacks.create_stack(StackName="app", TemplateBody=json.dumps(TEMPLATE))
    clients(server)("dynamodb").put_item(TableName="of-stack", Item=KEY)
    server.kill()

    server = start()
    stacks, kinesis = clients(server)("cloudformation"), clients(server)("kinesis")
    (stack,) = stacks.describe_stacks(StackName="app")["Stacks"]
    (output,) = stack["Outputs"]
    assert kinesis.describe_stream_summary(StreamName=output["OutputValue"])
    assert clients(server)("dynamodb").get_item(TableName="of-stack", Key=KEY)["Item"] == KEY
    changed = json.loads(json.dumps(TEMPLATE))
    changed["Resources"]["Orders"]["Properties"]["ShardCount"] = 2
    changed["Resources"]["More"] = {"Type": "AWS::SQS::Queue"}
    stacks.create_change_set(
        StackName="app", ChangeSetName="next", ChangeSetType="UPDATE", TemplateBody=json.dumps(changed)
    )
    server.kill()

    server = start()
    stacks, kinesis = clients(server)("cloudformation"), clients(server)("kinesis")
    stacks.execute_change_set(StackName="app", ChangeSetName="next")
    summary = kinesis.describe_stream_summary(StreamName=output["OutputValue"])
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 2
    assert server.stop() == 0

    server = start()
    stacks = clients(server)("cloudformation")
    assert len(stacks.describe_stack_resources(StackName="app")["StackResources"]) == 3
    stacks.delete_stack(StackName="app")
    server.kill()
    server = start()
    assert (
        clients(server)("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"]
        == []
    )
    assert clients(server)("kinesis").list_streams()["StreamNames"] == []
    assert clients(server)("dynamodb").list_tables()["TableNames"] == []


@pytest.mark.long
def test_leases_survive_kills_of_the_server_between_their_renewals(start: Start) -> None:
    counted = 0
    for _ in range(4):
        server = start()
        tables = clients(server)("dynamodb")
        if not counted:
            tables.create_table(TableName="leases", **TABLE)
        ends_s = time.monotonic() + 1.0
        while not counted or time.monotonic() < ends_s:
            tables.update_item(TableName="leases", **COUNT)
            counted += 1
        server.kill()
    tables = clients(start())("dynamodb")
    assert tables.get_item(TableName="leases", Key=KEY)["Item"]["leaseCounter"]["N"] == str(counted)


@pytest.mark.long
def test_changes_of_items_reach_their_stream_across_kills(start: Start) -> None:
    count = 0
    for round_number in range(4):
        server = start()
        tables, kinesis = clients(server)("dynamodb"), clients(server)("kinesis")
        if not round_number:
            kinesis.create_stream(StreamName="changes", ShardCount=1)
            arn = kinesis.describe_stream_summary(StreamName="changes")["StreamDescriptionSummary"][
                "StreamARN"
            ]
            tables.create_table(TableName="items", **TABLE)
            tables.enable_kinesis_streaming_destination(TableName="items", StreamArn=arn)
        for _ in range(25):
            tables.update_item(TableName="items", **COUNT)
            count += 1
        server.kill()
    server = start()
    reader = StreamReader(clients(server)("kinesis"), "changes", create=False)
    told: list[int] = []
    while not told or told[-1] < count:
        (record,) = reader.some(1)
        told.append(int(json.loads(record["Data"])["dynamodb"]["NewImage"]["leaseCounter"]["N"]))
    # A kill between a delivery and its note makes that record again; none is missing, and none overtakes.
    assert sorted(set(told)) == list(range(1, count + 1))
    assert len(told) <= count + 4


@pytest.mark.long
def test_a_pipe_goes_on_after_a_kill(start: Start) -> None:
    server = start()
    kinesis, pipes, sqs = (clients(server)(name) for name in ("kinesis", "pipes", "sqs"))
    kinesis.create_stream(StreamName="piped", ShardCount=1)
    sqs.create_queue(QueueName="target")
    arn = "arn:aws:{}:us-east-1:000000000000:{}"
    pipes.create_pipe(
        Name="kept",
        RoleArn="arn:aws:iam::000000000000:role/r",
        Source=arn.format("kinesis", "stream/piped"),
        SourceParameters={"KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON"}},
        Target=arn.format("sqs", "target"),
    )
    server.kill()
    server = start()
    clients(server)("kinesis").put_record(StreamName="piped", Data=b"hello", PartitionKey="key")
    sqs = clients(server)("sqs")
    queue = sqs.get_queue_url(QueueName="target")["QueueUrl"]
    (message,) = awaited(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20).get("Messages"))
    assert json.loads(message["Body"])["partitionKey"] == "key"
    clients(server)("pipes").delete_pipe(Name="kept")


@pytest.mark.long
def test_dead_letters_of_an_event_that_waits_outlive_a_restart(start: Start) -> None:
    server = start()
    kinesis, events, sqs = (clients(server)(name) for name in ("kinesis", "events", "sqs"))
    kinesis.create_stream(StreamName="narrow", ShardCount=1)
    with closing(server.connect()) as connection:
        connection.admin("POST", "limits", stream="narrow", bytes_in_per_s=1)
    kinesis.put_record(StreamName="narrow", Data=b"x" * 100, PartitionKey="key")
    sqs.create_queue(QueueName="dead")
    arn = "arn:aws:{}:us-east-1:000000000000:{}"
    events.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    target = {"Id": "1", "Arn": arn.format("kinesis", "stream/narrow")}
    dead = {"DeadLetterConfig": {"Arn": arn.format("sqs", "dead")}}
    events.put_targets(Rule="r", Targets=[{**target, **dead}])
    events.put_events(Entries=[{"Source": "app", "DetailType": "d", "Detail": '{"n": 1}'}])
    kinesis.delete_stream(StreamName="narrow")
    kinesis.create_stream(StreamName="other", ShardCount=1)  # the event is known to wait by now
    assert server.stop() == 0

    server = start()
    sqs = clients(server)("sqs")
    queue = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
    asked = {"QueueUrl": queue, "WaitTimeSeconds": 20, "MessageAttributeNames": ["All"]}
    (message,) = awaited(lambda: sqs.receive_message(**asked).get("Messages"))
    assert json.loads(message["Body"])["detail"] == {"n": 1}
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "ResourceNotFoundException"


@pytest.mark.long
def test_what_delivers_by_itself_does_so_after_a_restart_without_a_request(start: Start) -> None:
    server = start()
    kinesis, events, s3, logs, functions = (
        clients(server)(name) for name in ("kinesis", "events", "s3", "logs", "lambda")
    )
    for name in ("of-s3", "of-function"):
        kinesis.create_stream(StreamName=name, ShardCount=1)
    stream = "arn:aws:kinesis:us-east-1:000000000000:stream/"
    s3.create_bucket(Bucket="files")
    told: dict[str, Any] = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket="files", NotificationConfiguration=told)
    events.put_rule(Name="r", EventPattern='{"source": ["aws.s3"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": f"{stream}of-s3"}])
    functions.create_function(
        FunctionName="speaks",
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/r",
        Handler="index.handler",
        Timeout=120,
        Code={"ZipFile": zipped("def handler(event, context):\n    print('hello')\n")},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="speaks", WaiterConfig={"Delay": 1})
    logs.create_log_group(logGroupName="/aws/lambda/speaks")
    logs.put_subscription_filter(
        logGroupName="/aws/lambda/speaks",
        filterName="f",
        filterPattern="hello",
        destinationArn=f"{stream}of-function",
        roleArn="arn:aws:iam::000000000000:role/r",
    )
    reader = StreamReader(kinesis, "of-function", create=False)
    assert len(reader.some(1)) == 1  # the control message
    assert server.stop() == 0

    server = start()
    clients(server)("s3").put_object(Bucket="files", Key="key", Body=b"body")
    clients(server)("lambda").invoke(FunctionName="speaks")
    kinesis = clients(server)("kinesis")
    (event,) = StreamReader(kinesis, "of-s3", create=False).some(1)
    assert json.loads(event["Data"])["detail"]["object"]["key"] == "key"
    assert len(StreamReader(kinesis, "of-function", create=False).some(2)) == 2


@pytest.mark.long
def test_every_service_that_the_documentation_names_has_after_a_restart_what_it_had(start: Start) -> None:
    server = start()
    seen = {name: fill(clients(server)) for name, (fill, _) in SERVICES.items()}
    before = {name: look(clients(server), seen[name]) for name, (_, look) in SERVICES.items()}
    assert server.stop() == 0
    server = start()
    after = {name: look(clients(server), seen[name]) for name, (_, look) in SERVICES.items()}
    assert after == before
    assert all(before.values()), before


@pytest.mark.long
def test_a_bucket_is_after_a_restart_whose_it_was(start: Start) -> None:
    server = start()
    s3 = clients(server)("s3")
    s3.create_bucket(Bucket="of-the-first")
    s3.put_object(Bucket="of-the-first", Key="kept", Body=b"body")
    server.stop()
    server = start()
    s3 = clients(server)("s3")
    s3.create_bucket(Bucket="of-the-first")  # its owner may, and nothing happens
    assert s3.get_object(Bucket="of-the-first", Key="kept")["Body"].read() == b"body"
    of_another = clients_for(f"http://127.0.0.1:{server.port}", key="111111111111")("s3")
    with pytest.raises(of_another.exceptions.BucketAlreadyExists):
        of_another.create_bucket(Bucket="of-the-first")


@pytest.mark.long
def test_neighbours_that_are_not_to_be_kept_are_not(start: Start, tmp_path: Path) -> None:
    server = start()
    clients(server)("sqs").create_queue(QueueName="kept")
    server.stop()
    server = start("--no-keep-neighbours")
    assert "QueueUrls" not in clients(server)("sqs").list_queues()
    clients(server)("sqs").create_queue(QueueName="not-kept")
    server.stop()
    server = start()
    (queue,) = clients(server)("sqs").list_queues()["QueueUrls"]
    assert queue.endswith("/kept")
    clients(server)("sqs").create_queue(QueueName="before-reset")
    with closing(server.connect()) as connection:
        connection.admin("POST", "reset")
    server.kill()
    server = start()
    assert "QueueUrls" not in clients(server)("sqs").list_queues()
    assert (tmp_path / "data" / "neighbours").exists()


# What each service is filled with, and what is then seen of it.

Fill = Callable[[ClientOf], Any]
Look = Callable[[ClientOf, Any], Any]


def fill_dynamodb(of: ClientOf) -> None:
    of("dynamodb").create_table(TableName="kept", **TABLE)
    of("dynamodb").put_item(TableName="kept", Item={**KEY, "set": {"NS": ["1", "2"]}, "blob": {"B": b"\xff"}})


def fill_s3(of: ClientOf) -> list[str]:
    s3 = of("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    bodies = (b"small", b"large" * 20_000)
    return [s3.put_object(Bucket="kept", Key="key", Body=body)["VersionId"] for body in bodies]


def look_s3(of: ClientOf, versions: list[str]) -> Any:
    return [
        of("s3").get_object(Bucket="kept", Key="key", VersionId=version)["Body"].read()
        for version in versions
    ]


def fill_sqs(of: ClientOf) -> str:
    sqs = of("sqs")
    url: str = sqs.create_queue(QueueName="kept", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    return url.partition("/")[2].partition("/")[2].partition("/")[2]


def look_sqs(of: ClientOf, path: str) -> Any:
    sqs = of("sqs")
    (message,) = sqs.receive_message(QueueUrl=f"{sqs.meta.endpoint_url}/{path}")["Messages"]
    return message["Body"], message["MessageId"]


def fill_sns(of: ClientOf) -> str:
    topic: str = of("sns").create_topic(Name="kept")["TopicArn"]
    of("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:kept")
    return topic


def fill_sts(of: ClientOf) -> Any:
    role = "arn:aws:iam::111122223333:role/other"
    return of("sts").assume_role(RoleArn=role, RoleSessionName="kept")["Credentials"]["AccessKeyId"]


def look_sts(of: ClientOf, key: str) -> Any:
    return of("sts", aws_access_key_id=key).get_caller_identity()["Account"]


def fill_logs(of: ClientOf) -> None:
    logs = of("logs")
    logs.create_log_group(logGroupName="kept")
    logs.create_log_stream(logGroupName="kept", logStreamName="kept")
    event = {"timestamp": int(time.time() * 1000), "message": "hello"}
    logs.put_log_events(logGroupName="kept", logStreamName="kept", logEvents=[event])


def look_logs(of: ClientOf, _: Any) -> Any:
    return of("logs").get_log_events(logGroupName="kept", logStreamName="kept")["events"]


def fill_kms(of: ClientOf) -> tuple[list[str], bytes]:
    kms = of("kms")
    keys = [
        kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
        for spec, usage in (
            ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
            ("RSA_2048", "SIGN_VERIFY"),
            ("ECC_NIST_P256", "SIGN_VERIFY"),
        )
    ]
    return keys, kms.encrypt(KeyId=keys[0], Plaintext=b"secret")["CiphertextBlob"]


def look_kms(of: ClientOf, kept: tuple[list[str], bytes]) -> Any:
    keys, sealed = kept
    public = [of("kms").get_public_key(KeyId=key)["PublicKey"] for key in keys[1:]]
    return of("kms").decrypt(CiphertextBlob=sealed)["Plaintext"], public


def fill_events(of: ClientOf) -> None:
    of("events").put_rule(Name="kept", EventPattern='{"source": ["app"]}')
    target = {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:kept"}
    of("events").put_targets(Rule="kept", Targets=[target])


def fill_cloudwatch(of: ClientOf) -> None:
    of("cloudwatch").put_metric_data(Namespace="Kept", MetricData=[{"MetricName": "m", "Value": 1.0}])


SERVICES: dict[str, tuple[Fill, Look]] = {
    "dynamodb": (
        fill_dynamodb,
        lambda of, _: of("dynamodb").get_item(TableName="kept", Key=KEY)["Item"],
    ),
    "s3": (fill_s3, look_s3),
    "sqs": (fill_sqs, look_sqs),
    "sns": (
        fill_sns,
        lambda of, topic: of("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"],
    ),
    "sts": (fill_sts, look_sts),
    "iam": (
        lambda of: of("iam").create_role(RoleName="kept", AssumeRolePolicyDocument="{}"),
        lambda of, _: of("iam").get_role(RoleName="kept")["Role"],
    ),
    "ssm": (
        lambda of: of("ssm").put_parameter(Name="/kept", Value="value", Type="SecureString"),
        lambda of, _: of("ssm").get_parameter(Name="/kept", WithDecryption=True)["Parameter"],
    ),
    "cloudwatch": (fill_cloudwatch, lambda of, _: of("cloudwatch").list_metrics(Namespace="Kept")["Metrics"]),
    "logs": (fill_logs, look_logs),
    "ecr": (
        lambda of: of("ecr").create_repository(repositoryName="kept"),
        lambda of, _: of("ecr").describe_repositories()["repositories"],
    ),
    "kms": (fill_kms, look_kms),
    "events": (fill_events, lambda of, _: of("events").list_targets_by_rule(Rule="kept")["Targets"]),
    "secretsmanager": (
        lambda of: of("secretsmanager").create_secret(Name="kept", SecretString="value"),
        lambda of, _: of("secretsmanager").get_secret_value(SecretId="kept")["SecretString"],
    ),
    "cloudformation": (
        lambda of: of("cloudformation").create_stack(StackName="kept", TemplateBody=json.dumps(TEMPLATE)),
        lambda of, _: of("cloudformation").describe_stacks(StackName="kept")["Stacks"],
    ),
}
