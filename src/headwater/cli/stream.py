"""`headwater stream`: list, describe, create and delete streams.

`create` and `delete` end when the stream is ready, or gone, unless told not to wait:
the next command of a script can rely on it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import click

from headwater.cli.connection import (
    ApiError,
    ClientFailure,
    ServerConnection,
    stream_reference,
    with_connection,
)
from headwater.cli.table import (
    draw_properties,
    draw_table,
    draws,
    json_line,
    json_option,
    local_time,
    with_iso_times,
)

HASH_KEYS = 2**128
FIRST_POLL_S = 0.02
LAST_POLL_S = 1.0
WAIT_LIMIT_S = 300.0

wait_option = click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Wait until the stream is ACTIVE, or gone; or return at once.",
)


@click.group(short_help="List, describe, create and delete streams.")
def stream() -> None:
    """List, describe, create and delete streams."""


@stream.command("list")
@json_option
@with_connection
def list_streams(connection: ServerConnection, as_json: bool) -> None:
    """List all streams."""
    summaries = _stream_summaries(connection)
    if not draws(as_json):
        sys.stdout.writelines(json_line(with_iso_times(summary)) for summary in summaries)
        return
    rows = [_stream_row(summary) for summary in summaries]
    if not rows:
        click.echo("There are no streams.")
        return
    draw_table(
        ["Stream", "Status", "Mode", "Open shards", "Retention", "Created"],
        rows,
    )


@stream.command()
@click.argument("name", metavar="STREAM")
@json_option
@with_connection
def describe(connection: ServerConnection, name: str, as_json: bool) -> None:
    """Show a stream, and its shards with their state and lineage.

    STREAM is a name or an ARN. A shard's range is its part of all hash keys; `--json`
    gives the keys themselves.
    """
    summary = stream_summary(connection, name)
    shards = list(_shards(connection, name))
    if not draws(as_json):
        sys.stdout.write(json_line({**with_iso_times(summary), "Shards": shards}))
        return
    draw_properties(
        [
            ("Stream", summary["StreamName"]),
            ("ARN", summary["StreamARN"]),
            ("Status", summary["StreamStatus"]),
            ("Mode", _mode(summary)),
            ("Created", local_time(summary["StreamCreationTimestamp"])),
            ("Retention", f"{summary['RetentionPeriodHours']} hours"),
            ("Encryption", summary.get("EncryptionType", "NONE")),
            ("Consumers", summary.get("ConsumerCount", 0)),
            ("Open shards", summary["OpenShardCount"]),
        ]
    )
    draw_table(["Shard", "State", "Hash keys", "Parents", "Children"], _shard_rows(shards))


@stream.command()
@click.argument("name", metavar="STREAM")
@click.option(
    "--shards", "shard_count", type=click.IntRange(min=1), help="Number of open shards. Default: 1."
)
@click.option(
    "--on-demand", is_flag=True, help="Create an on-demand stream, which scales by itself; not with --shards."
)
@click.option(
    "--retention-hours", type=click.IntRange(24, 8760), help="Hours that records are kept. Default: 24."
)
@click.option(
    "--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag of the stream; may be given many times."
)
@wait_option
@json_option
@with_connection
def create(
    connection: ServerConnection,
    *,
    name: str,
    shard_count: int | None,
    on_demand: bool,
    retention_hours: int | None,
    tags: tuple[str, ...],
    wait: bool,
    as_json: bool,
) -> None:
    """Create a stream and wait until it is ACTIVE."""
    if on_demand and shard_count is not None:
        raise click.UsageError("--on-demand and --shards exclude each other")
    if retention_hours is not None and not wait:
        raise click.UsageError("--retention-hours needs --wait: only an ACTIVE stream's can be set")
    connection.call(
        "CreateStream",
        StreamName=name,
        ShardCount=None if on_demand else shard_count or 1,
        StreamModeDetails={"StreamMode": "ON_DEMAND"} if on_demand else None,
        Tags=tags_of(tags),
    )
    if wait:
        wait_until_active(connection, name)
    if retention_hours is not None:
        connection.call(
            "IncreaseStreamRetentionPeriod", StreamName=name, RetentionPeriodHours=retention_hours
        )
        wait_until_active(connection, name)
    _show_created(stream_summary(connection, name), as_json)


@stream.command()
@click.argument("name", metavar="STREAM")
@click.option("--yes", is_flag=True, help="Delete without asking; a pipe is never asked.")
@click.option("--force", is_flag=True, help="Delete the stream even if it has registered consumers.")
@wait_option
@json_option
@with_connection
def delete(
    connection: ServerConnection, *, name: str, yes: bool, force: bool, wait: bool, as_json: bool
) -> None:
    """Delete a stream and wait until it is gone. STREAM is a name or an ARN."""
    if not yes and sys.stdin.isatty() and sys.stdout.isatty():
        click.confirm(f"Delete {name} and all of its records?", abort=True)
    connection.call("DeleteStream", **stream_reference(name), EnforceConsumerDeletion=force or None)
    if wait:
        poll_until(lambda: _status(connection, name) is None, f"{name} is still being deleted")
    if draws(as_json):
        click.echo(f"{name} is deleted." if wait else f"{name} is being deleted.")
    else:
        sys.stdout.write(json_line({**stream_reference(name), "Deleted": wait}))


def stream_summary(connection: ServerConnection, name: str) -> dict[str, Any]:
    """The stream's StreamDescriptionSummary."""
    answer = connection.call_retrying("DescribeStreamSummary", **stream_reference(name))
    summary: dict[str, Any] = answer["StreamDescriptionSummary"]
    return summary


def stream_arn(connection: ServerConnection, stream: str) -> str:
    """The ARN of a stream, given by its name or its ARN. Raises `ApiError`."""
    return stream if stream.startswith("arn:") else str(stream_summary(connection, stream)["StreamARN"])


def wait_until_active(connection: ServerConnection, name: str) -> None:
    """Return when the stream is ACTIVE; raises `ApiError` when it does not exist."""
    poll_until(
        lambda: stream_summary(connection, name)["StreamStatus"] == "ACTIVE",
        f"{name} is still not ACTIVE",
    )


def wait_until_created(connection: ServerConnection, name: str) -> None:
    """Return when the stream is not CREATING any more; raises `ApiError` when it does not exist."""
    poll_until(
        lambda: stream_summary(connection, name)["StreamStatus"] != "CREATING",
        f"{name} is still CREATING",
    )


def poll_until(is_done: Callable[[], bool], complaint: str) -> None:
    """Return when something is done; raises `ClientFailure` with a complaint when that takes too long."""
    poll_s = FIRST_POLL_S
    give_up_at = time.monotonic() + WAIT_LIMIT_S
    while not is_done():
        if time.monotonic() >= give_up_at:
            raise ClientFailure(f"{complaint} after {WAIT_LIMIT_S:.0f} s")
        time.sleep(poll_s)
        poll_s = min(2 * poll_s, LAST_POLL_S)


def _status(connection: ServerConnection, name: str) -> str | None:
    """The stream's status; None when there is no such stream."""
    try:
        return str(stream_summary(connection, name)["StreamStatus"])
    except ApiError as error:
        if error.code != "ResourceNotFoundException":
            raise
    return None


def _stream_summaries(connection: ServerConnection) -> Iterator[dict[str, Any]]:
    for name in _stream_names(connection):
        try:
            yield stream_summary(connection, name)
        except ApiError as error:
            if error.code != "ResourceNotFoundException":  # deleted since it was listed
                raise


def _stream_names(connection: ServerConnection) -> Iterator[str]:
    last_name: str | None = None
    while True:
        page = connection.call_retrying("ListStreams", ExclusiveStartStreamName=last_name)
        yield from page["StreamNames"]
        if not page["HasMoreStreams"]:
            return
        last_name = page["StreamNames"][-1]


def _shards(connection: ServerConnection, name: str) -> Iterator[dict[str, Any]]:
    """All shards. DescribeStream pages through them whatever the stream's status is."""
    last_id: str | None = None
    while True:
        answer = connection.call_retrying(
            "DescribeStream", **stream_reference(name), ExclusiveStartShardId=last_id
        )
        page = answer["StreamDescription"]
        yield from page["Shards"]
        if not page["HasMoreShards"] or not page["Shards"]:
            return
        last_id = page["Shards"][-1]["ShardId"]


def shard_parents(shard: dict[str, Any]) -> list[str]:
    """The ids of the shards that a split or merge made this one of; none for a first shard."""
    return [shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if shard.get(name)]


def shard_is_open(shard: dict[str, Any]) -> bool:
    """Whether the shard takes records."""
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def _stream_row(summary: dict[str, Any]) -> list[object]:
    return [
        summary["StreamName"],
        summary["StreamStatus"],
        _mode(summary),
        summary["OpenShardCount"],
        f"{summary['RetentionPeriodHours']} hours",
        local_time(summary["StreamCreationTimestamp"]),
    ]


def _shard_rows(shards: list[dict[str, Any]]) -> Iterator[list[str]]:
    children: dict[str, list[str]] = {}
    for shard in shards:
        for parent in shard_parents(shard):
            children.setdefault(parent, []).append(shard["ShardId"])
    for shard in shards:
        yield [
            shard["ShardId"],
            "open" if shard_is_open(shard) else "closed",
            _hash_key_share(shard["HashKeyRange"]),
            ", ".join(map(_short_id, shard_parents(shard))) or "-",
            ", ".join(map(_short_id, children.get(shard["ShardId"], []))) or "-",
        ]


def _short_id(shard_id: str) -> str:
    """A shard's number without its zeros: enough to find its row."""
    return shard_id.removeprefix("shardId-").lstrip("0") or "0"


def _hash_key_share(hash_key_range: dict[str, str]) -> str:
    start = int(hash_key_range["StartingHashKey"]) / HASH_KEYS
    end = (int(hash_key_range["EndingHashKey"]) + 1) / HASH_KEYS
    return f"{start:.2%} to {end:.2%}"


def _mode(summary: dict[str, Any]) -> str:
    mode: str = summary.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
    return mode.lower().replace("_", " ")


def tags_of(tags: tuple[str, ...]) -> dict[str, str] | None:
    """The tags of `--tag` options; None for none. Raises `click.BadParameter`."""
    split: dict[str, str] = {}
    for tag in tags:
        key, equals, value = tag.partition("=")
        if not equals:
            raise click.BadParameter(f"{tag!r} is not KEY=VALUE", param_hint="--tag")
        split[key] = value
    return split or None


def _show_created(summary: dict[str, Any], as_json: bool) -> None:
    if not draws(as_json):
        sys.stdout.write(json_line(with_iso_times(summary)))
        return
    shard_count = summary["OpenShardCount"]
    shards = f", with {shard_count} open shard{'' if shard_count == 1 else 's'}" if shard_count else ""
    click.echo(f"{summary['StreamName']} is {summary['StreamStatus']}{shards}.")
