"""The function of each operation that is offered, imported when it is first asked for.

Most servers are asked for few operations, and none should pay for the others when it starts.
Type checkers see plain imports.
"""

# ruff: noqa: PLC0414 - so that type checkers know that these are for others

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.api.operations.acknowledge_dead_letter_queue_records import (
        acknowledge_dead_letter_queue_records as acknowledge_dead_letter_queue_records,
    )
    from headwater.api.operations.acknowledge_queue_records import (
        acknowledge_queue_records as acknowledge_queue_records,
    )
    from headwater.api.operations.add_tags_to_stream import add_tags_to_stream as add_tags_to_stream
    from headwater.api.operations.create_channel import create_channel as create_channel
    from headwater.api.operations.create_queue import create_queue as create_queue
    from headwater.api.operations.create_stream import create_stream as create_stream
    from headwater.api.operations.decrease_stream_retention_period import (
        decrease_stream_retention_period as decrease_stream_retention_period,
    )
    from headwater.api.operations.delete_channel import delete_channel as delete_channel
    from headwater.api.operations.delete_queue import delete_queue as delete_queue
    from headwater.api.operations.delete_resource_policy import (
        delete_resource_policy as delete_resource_policy,
    )
    from headwater.api.operations.delete_stream import delete_stream as delete_stream
    from headwater.api.operations.deregister_stream_consumer import (
        deregister_stream_consumer as deregister_stream_consumer,
    )
    from headwater.api.operations.describe_account_settings import (
        describe_account_settings as describe_account_settings,
    )
    from headwater.api.operations.describe_channel import describe_channel as describe_channel
    from headwater.api.operations.describe_limits import describe_limits as describe_limits
    from headwater.api.operations.describe_queue import describe_queue as describe_queue
    from headwater.api.operations.describe_stream import describe_stream as describe_stream
    from headwater.api.operations.describe_stream_consumer import (
        describe_stream_consumer as describe_stream_consumer,
    )
    from headwater.api.operations.describe_stream_summary import (
        describe_stream_summary as describe_stream_summary,
    )
    from headwater.api.operations.disable_enhanced_monitoring import (
        disable_enhanced_monitoring as disable_enhanced_monitoring,
    )
    from headwater.api.operations.enable_enhanced_monitoring import (
        enable_enhanced_monitoring as enable_enhanced_monitoring,
    )
    from headwater.api.operations.get_records import get_records as get_records
    from headwater.api.operations.get_resource_policy import get_resource_policy as get_resource_policy
    from headwater.api.operations.get_shard_iterator import get_shard_iterator as get_shard_iterator
    from headwater.api.operations.increase_stream_retention_period import (
        increase_stream_retention_period as increase_stream_retention_period,
    )
    from headwater.api.operations.list_channels import list_channels as list_channels
    from headwater.api.operations.list_queues import list_queues as list_queues
    from headwater.api.operations.list_shards import list_shards as list_shards
    from headwater.api.operations.list_stream_consumers import list_stream_consumers as list_stream_consumers
    from headwater.api.operations.list_streams import list_streams as list_streams
    from headwater.api.operations.list_tags_for_resource import (
        list_tags_for_resource as list_tags_for_resource,
    )
    from headwater.api.operations.list_tags_for_stream import list_tags_for_stream as list_tags_for_stream
    from headwater.api.operations.merge_shards import merge_shards as merge_shards
    from headwater.api.operations.put_record import put_record as put_record
    from headwater.api.operations.put_records import put_records as put_records
    from headwater.api.operations.put_resource_policy import put_resource_policy as put_resource_policy
    from headwater.api.operations.receive_dead_letter_queue_records import (
        receive_dead_letter_queue_records as receive_dead_letter_queue_records,
    )
    from headwater.api.operations.receive_queue_records import receive_queue_records as receive_queue_records
    from headwater.api.operations.register_stream_consumer import (
        register_stream_consumer as register_stream_consumer,
    )
    from headwater.api.operations.remove_tags_from_stream import (
        remove_tags_from_stream as remove_tags_from_stream,
    )
    from headwater.api.operations.restore_dead_letter_queue_records import (
        restore_dead_letter_queue_records as restore_dead_letter_queue_records,
    )
    from headwater.api.operations.split_shard import split_shard as split_shard
    from headwater.api.operations.start_stream_encryption import (
        start_stream_encryption as start_stream_encryption,
    )
    from headwater.api.operations.stop_stream_encryption import (
        stop_stream_encryption as stop_stream_encryption,
    )
    from headwater.api.operations.subscribe_to_shard import subscribe_to_shard as subscribe_to_shard
    from headwater.api.operations.tag_resource import tag_resource as tag_resource
    from headwater.api.operations.untag_resource import untag_resource as untag_resource
    from headwater.api.operations.update_account_settings import (
        update_account_settings as update_account_settings,
    )
    from headwater.api.operations.update_channel import update_channel as update_channel
    from headwater.api.operations.update_dead_letter_queue_records_visibility import (
        update_dead_letter_queue_records_visibility as update_dead_letter_queue_records_visibility,
    )
    from headwater.api.operations.update_max_record_size import (
        update_max_record_size as update_max_record_size,
    )
    from headwater.api.operations.update_queue import update_queue as update_queue
    from headwater.api.operations.update_queue_records_visibility import (
        update_queue_records_visibility as update_queue_records_visibility,
    )
    from headwater.api.operations.update_shard_count import update_shard_count as update_shard_count
    from headwater.api.operations.update_stream_mode import update_stream_mode as update_stream_mode
    from headwater.api.operations.update_stream_record_distribution_strategy import (
        update_stream_record_distribution_strategy as update_stream_record_distribution_strategy,
    )
    from headwater.api.operations.update_stream_warm_throughput import (
        update_stream_warm_throughput as update_stream_warm_throughput,
    )


def __getattr__(name: str) -> Any:
    try:
        function = getattr(import_module(f"headwater.api.operations.{name}"), name)
    except ModuleNotFoundError:
        raise AttributeError(f"no operation is offered as {name!r}") from None
    globals()[name] = function
    return function
