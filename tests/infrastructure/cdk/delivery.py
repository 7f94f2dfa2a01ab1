"""The third app: a stream, and a delivery stream that brings its records to a bucket."""

import aws_cdk as cdk
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_s3 as s3

app = cdk.App()
stack = cdk.Stack(app, "Delivered")
orders = kinesis.Stream(stack, "Placed", shard_count=1, removal_policy=cdk.RemovalPolicy.DESTROY)
files = s3.Bucket(stack, "Files", removal_policy=cdk.RemovalPolicy.DESTROY)
delivery = firehose.DeliveryStream(
    stack,
    "Delivery",
    source=firehose.KinesisStreamSource(orders),
    destination=firehose.S3Bucket(
        files,
        compression=firehose.Compression.GZIP,
        data_output_prefix=str(app.node.try_get_context("prefix") or "orders/"),
        buffering_interval=cdk.Duration.seconds(0),
        buffering_size=cdk.Size.mebibytes(1),
    ),
)
for name, value in (
    ("StreamName", orders.stream_name),
    ("BucketName", files.bucket_name),
    ("DeliveryName", delivery.delivery_stream_name),
):
    cdk.CfnOutput(stack, name, value=value)
app.synth()
