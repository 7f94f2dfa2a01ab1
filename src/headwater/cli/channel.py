"""`headwater channel`: channels, which deliver a stream's records to a bucket or a table.

`create`, `update` and `delete` end when the channel is ready, or gone, unless told not to
wait: the next command of a script can rely on it. CHANNEL is a name or an ARN.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from headwater.cli.attachments import channel_arn, delete_attachment, described, show, summaries, wait_option
from headwater.cli.connection import ServerConnection, with_connection
from headwater.cli.stream import stream_arn, tags_of
from headwater.cli.table import (
    draw_properties,
    draw_table,
    draws,
    json_line,
    json_option,
    local_time,
    with_iso_times,
)

CREATED = "ChannelCreationTimestamp"

freshness_option = click.option(
    "--freshness",
    type=click.IntRange(300, 900),
    metavar="SECONDS",
    help="The age that undelivered data may have. Default: 300, or the channel's own.",
)
logs_option = click.option("--logs/--no-logs", default=None, help="Write what goes wrong to CloudWatch Logs.")


@click.group(short_help="Deliver a stream's records to buckets and tables.")
def channel() -> None:
    """Deliver a stream's records to buckets and tables, in the background."""


@channel.command()
@click.argument("name")
@click.argument("stream")
@click.option("--bucket", metavar="BUCKET", help="The bucket to deliver to.")
@click.option("--table", metavar="BUCKET/NAMESPACE/TABLE", help="The table to deliver to; it is created.")
@click.option("--format", "record_format", metavar="JSON|GSR_JSON|STRING|BYTE_ARRAY", default="JSON",
              show_default=True, help="The format of the stream's records.")  # fmt: skip
@click.option("--schema", metavar="ARN", help="The schema of a table's records, in the Glue Schema Registry.")
@click.option("--hour-of", "hour_columns", multiple=True, metavar="COLUMN",
              help="A column by whose hours the table is partitioned. May be given many times.")  # fmt: skip
@click.option("--compression", metavar="NONE|GZIP|ZSTD|SNAPPY", default="NONE", show_default=True,
              help="The compression of what is delivered.")  # fmt: skip
@click.option("--key-template", metavar="TEMPLATE", help="How the keys of objects are made.")
@click.option("--storage-class", metavar="CLASS", help="The storage class of objects. Default: STANDARD.")
@click.option("--dead-letters", metavar="BUCKET", help="The bucket for records that cannot be delivered.")
@click.option("--role", metavar="ARN", help="The service execution role. Default: one that need not exist.")
@freshness_option
@logs_option
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="May be given many times.")
@wait_option
@json_option
@with_connection
def create(
    connection: ServerConnection,
    *,
    name: str,
    stream: str,
    record_format: str,
    schema: str | None,
    role: str | None,
    freshness: int | None,
    logs: bool | None,
    tags: tuple[str, ...],
    wait: bool,
    as_json: bool,
    **target: Any,
) -> None:
    """Create a channel on STREAM, an on-demand stream, and wait until it is ACTIVE."""
    if (target["bucket"] is None) == (target["table"] is None):
        raise click.UsageError("give either --bucket or --table")
    arn = stream_arn(connection, stream)
    _, partition, _, region, account_id, _ = arn.split(":", 5)
    owner = _Owner(partition, region, account_id)
    record = {"RecordFormatType": record_format.upper()} | ({"GSRSchemaARN": schema} if schema else {})
    destination = _to_bucket(owner, target) if target["bucket"] else _to_table(owner, target)
    ((member, configuration),) = destination.items()
    if freshness is not None:
        configuration["DataFreshnessInSeconds"] = freshness
    answer = connection.call(
        "CreateChannel",
        ChannelName=name,
        ServiceExecutionRoleARN=role or f"arn:{partition}:iam::{account_id}:role/{name}",
        StreamConfigurationList=[{"StreamARN": arn, "RecordConfiguration": record}],
        LoggingConfiguration=_logging(logs),
        Tags=tags_of(tags),
        **{member: configuration},
    )
    show(connection, "Channel", answer["ChannelDescription"], wait=wait, as_json=as_json)


@channel.command("list")
@click.option("--stream", metavar="STREAM", help="Only the channels of this stream, a name or an ARN.")
@json_option
@with_connection
def list_channels(connection: ServerConnection, stream: str | None, as_json: bool) -> None:
    """List all channels."""
    listed = list(summaries(connection, "Channel", stream))
    if not draws(as_json):
        sys.stdout.writelines(json_line(with_iso_times(summary)) for summary in listed)
    elif listed:
        rows = [
            (
                summary["ChannelName"],
                summary["ChannelStatus"],
                summary["Streams"][0]["StreamARN"].partition(":stream/")[2],
                summary["ChannelDestinationType"],
                local_time(summary[CREATED]),
            )
            for summary in listed
        ]
        draw_table(["Channel", "Status", "Stream", "To", "Created"], rows)
    else:
        click.echo("There are no channels.")


@channel.command()
@click.argument("name", metavar="CHANNEL")
@json_option
@with_connection
def describe(connection: ServerConnection, name: str, as_json: bool) -> None:
    """Show a channel."""
    description = described(connection, "Channel", channel_arn(connection, name))
    if not draws(as_json):
        sys.stdout.write(json_line(with_iso_times(description)))
        return
    (source,) = description["StreamConfigurationList"]
    destination = (
        description.get("S3DestinationConfiguration") or description["S3TablesDestinationConfiguration"]
    )
    letters = destination["DeadLetterQueueS3Configuration"]
    draw_properties(
        [
            ("Channel", description["ChannelName"]),
            ("ARN", description["ChannelARN"]),
            ("Status", description["ChannelStatus"]),
            ("Reason", description.get("ChannelStatusReason", "-")),
            ("Stream", source["StreamARN"].partition(":stream/")[2]),
            ("Format", source["RecordConfiguration"]["RecordFormatType"]),
            ("To", _target_text(destination)),
            ("Freshness", f"{destination['DataFreshnessInSeconds']} seconds"),
            ("Dead letters", f"{letters['BucketARN'].rpartition(':')[2]}/{letters['ErrorOutputPrefix']}"),
            ("Created", local_time(description[CREATED])),
        ]
    )


@channel.command()
@click.argument("name", metavar="CHANNEL")
@freshness_option
@logs_option
@wait_option
@json_option
@with_connection
def update(
    connection: ServerConnection,
    *,
    name: str,
    freshness: int | None,
    logs: bool | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Change the freshness or the logging of a channel."""
    if freshness is None and logs is None:
        raise click.UsageError("give --freshness, --logs or both")
    arn = channel_arn(connection, name)
    members: dict[str, Any] = {"LoggingConfiguration": _logging(logs)}
    if freshness is not None:
        to_bucket = "S3DestinationConfiguration" in described(connection, "Channel", arn)
        member = "S3DestinationConfiguration" if to_bucket else "S3TablesDestinationConfiguration"
        members[member] = {"DataFreshnessInSeconds": freshness}
    answer = connection.call("UpdateChannel", ChannelARN=arn, **members)
    show(connection, "Channel", answer["ChannelDescription"], wait=wait, as_json=as_json)


@channel.command()
@click.argument("name", metavar="CHANNEL")
@click.option("--yes", is_flag=True, help="Do not ask; in a pipe nothing is asked anyway.")
@wait_option
@json_option
@with_connection
def delete(connection: ServerConnection, *, name: str, yes: bool, wait: bool, as_json: bool) -> None:
    """Delete a channel and wait until it is gone. What it has delivered stays."""
    if not yes and sys.stdin.isatty() and sys.stdout.isatty():
        click.confirm(f"Delete {name}?", abort=True)
    arn = channel_arn(connection, name)
    delete_attachment(connection, "Channel", name, arn, wait=wait, as_json=as_json)


class _Owner:
    """Whose stream it is: what it delivers to is taken to be of the same account."""

    def __init__(self, partition: str, region: str, account_id: str) -> None:
        self.partition = partition
        self.region = region
        self.account_id = account_id

    def bucket(self, name: str) -> dict[str, Any]:
        """The members that name a bucket."""
        return {"BucketARN": f"arn:{self.partition}:s3:::{name}", "ExpectedBucketOwner": self.account_id}


def _to_bucket(owner: _Owner, target: dict[str, Any]) -> dict[str, dict[str, Any]]:
    storage = {**owner.bucket(target["bucket"]), "CompressionType": target["compression"].upper()}
    if target["key_template"] is not None:
        storage["OutputKeyTemplate"] = target["key_template"]
    if target["storage_class"] is not None:
        storage["StorageClass"] = target["storage_class"].upper()
    configuration: dict[str, Any] = {"StorageConfiguration": storage}
    if target["dead_letters"] is not None:
        configuration["DeadLetterQueueS3Configuration"] = owner.bucket(target["dead_letters"])
    return {"S3DestinationConfiguration": configuration}


def _to_table(owner: _Owner, target: dict[str, Any]) -> dict[str, dict[str, Any]]:
    if target["table"].count("/") != 2:
        raise click.BadParameter("it has three parts: BUCKET/NAMESPACE/TABLE", param_hint="--table")
    if target["dead_letters"] is None:
        raise click.UsageError("a table needs --dead-letters")
    bucket, namespace, table = target["table"].split("/")
    arn = f"arn:{owner.partition}:s3tables:{owner.region}:{owner.account_id}:bucket/{bucket}"
    fields = [{"Transform": "TIME_HOUR", "SourceName": column} for column in target["hour_columns"]]
    configuration = {
        "TableBucketARN": arn,
        "Namespace": namespace,
        "TableName": table,
        "CompressionType": target["compression"].upper(),
    }
    if fields:
        configuration["PartitionSpec"] = {"PartitionFields": fields}
    return {
        "S3TablesDestinationConfiguration": {
            "DeadLetterQueueS3Configuration": owner.bucket(target["dead_letters"]),
            "S3TablesConfigurationList": [configuration],
        }
    }


def _logging(logs: bool | None) -> dict[str, Any] | None:
    return None if logs is None else {"CloudWatchLogs": {"Enabled": logs}}


def _target_text(destination: dict[str, Any]) -> str:
    storage = destination.get("StorageConfiguration")
    if storage is not None:
        return f"{storage['BucketARN'].rpartition(':')[2]}, {storage['CompressionType']}"
    (table,) = destination["S3TablesConfigurationList"]
    bucket = table["TableBucketARN"].rpartition("/")[2]
    return f"{bucket}/{table['Namespace']}/{table['TableName']}, {table['CompressionType']}"
