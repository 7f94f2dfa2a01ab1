"""The second app: a stream, a consumer, a function that reads through it, and a queue for what fails."""

import os

import aws_cdk as cdk
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs

app = cdk.App()
stack = cdk.Stack(app, "Orders")
orders = kinesis.Stream(stack, "Placed", shard_count=1, removal_policy=cdk.RemovalPolicy.DESTROY)
consumer = kinesis.StreamConsumer(stack, "Consumer", stream=orders, stream_consumer_name="reader")
seen = sqs.Queue(stack, "SeenOrders")
failed = sqs.Queue(stack, "FailedOrders")
reader = lambda_.Function(
    stack,
    "Reader",
    runtime=lambda_.Runtime(os.environ["HEADWATER_TEST_RUNTIME"], lambda_.RuntimeFamily.PYTHON),
    handler="app.handler",
    code=lambda_.Code.from_asset("reader"),
    environment={"SEEN": seen.queue_url},
    timeout=cdk.Duration.seconds(10),
)
seen.grant_send_messages(reader)
reader.add_event_source(
    sources.KinesisConsumerEventSource(
        consumer,
        starting_position=lambda_.StartingPosition.TRIM_HORIZON,
        batch_size=10,
        retry_attempts=0,
        filters=[lambda_.FilterCriteria.filter({"data": {"kind": lambda_.FilterRule.is_equal("order")}})],
        on_failure=sources.SqsDlq(failed),
    )
)
live = lambda_.Alias(stack, "LiveReader", alias_name="live", version=reader.current_version)
for name, value in (
    ("Stream", orders.stream_name),
    ("Function", reader.function_name),
    ("Live", live.function_arn),
    ("Seen", seen.queue_url),
    ("Failed", failed.queue_url),
):
    cdk.CfnOutput(stack, name, value=value)
app.synth()
