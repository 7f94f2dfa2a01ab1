"""The classic app: one stack with one stream. Its size comes from the context."""

import aws_cdk as cdk
from aws_cdk import aws_kinesis as kinesis

app = cdk.App()
stack = cdk.Stack(app, "Streams")
orders = kinesis.Stream(
    stack,
    "Orders",
    shard_count=int(app.node.try_get_context("shards") or 1),
    retention_period=cdk.Duration.hours(int(app.node.try_get_context("hours") or 24)),
    removal_policy=cdk.RemovalPolicy.DESTROY,
)
cdk.CfnOutput(stack, "Name", value=orders.stream_name)
cdk.CfnOutput(stack, "Arn", value=orders.stream_arn)
app.synth()
