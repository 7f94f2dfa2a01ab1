"""The third app: a stream and its delivery stream to a bucket, and a stream with a channel to it."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
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
tables = kinesis.Stream(
    stack,
    "Lake",
    stream_mode=kinesis.StreamMode.ON_DEMAND,
    removal_policy=cdk.RemovalPolicy.DESTROY,
)
role = iam.Role(stack, "Writer", assumed_by=iam.ServicePrincipal("kinesis.amazonaws.com"))
files.grant_read_write(role)
channel = kinesis.CfnChannel(
    stack,
    "ToFiles",
    channel_name="to-files",
    service_execution_role_arn=role.role_arn,
    stream_configuration_list=[
        kinesis.CfnChannel.StreamConfigurationProperty(
            stream_arn=tables.stream_arn,
            record_configuration=kinesis.CfnChannel.RecordConfigurationProperty(record_format_type="JSON"),
        )
    ],
    s3_destination_configuration=kinesis.CfnChannel.S3DestinationConfigurationProperty(
        data_freshness_in_seconds=int(app.node.try_get_context("freshness") or 300),
        storage_configuration=kinesis.CfnChannel.S3StorageConfigurationProperty(
            bucket_arn=files.bucket_arn,
            expected_bucket_owner=stack.account,
            compression_type="ZSTD",
            output_key_template="channel/!{stream-name}/!{yyyy}!{extension}",
        ),
    ),
)
for name, value in (
    ("StreamName", orders.stream_name),
    ("BucketName", files.bucket_name),
    ("DeliveryName", delivery.delivery_stream_name),
    ("LakeName", tables.stream_name),
    ("ChannelArn", channel.attr_channel_arn),
):
    cdk.CfnOutput(stack, name, value=value)
app.synth()
