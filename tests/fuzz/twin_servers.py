"""Two servers in memory with the same past: one is asked in JSON, the other one in CBOR.

They have the same clock, random_bytes and requests, so whatever one answers, the other one must.
A request goes through the whole path but for sockets: `Dispatch` gets it as a front end would
hand it over.
"""

from __future__ import annotations

import asyncio
import json
import struct
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, NamedTuple

from headwater.api.operation import OPERATIONS
from headwater.api.validation.api_model import api_model
from headwater.engine.channel_lifecycle import settle_channel
from headwater.engine.engine import Engine
from headwater.engine.settings import Settings
from headwater.model.clock import ManualClock
from headwater.model.completion import drive
from headwater.model.instant import Instant
from headwater.model.stream import Stream
from headwater.server.access.authentication import Authentication
from headwater.server.access.cross_origin import OriginPolicy
from headwater.server.access.host_names import HostPolicy
from headwater.server.admin import Admin
from headwater.server.dispatch import Dispatch
from headwater.server.http.exchange import HttpRequest, HttpResponse
from headwater.server.request_log import RequestLog
from headwater.server.wire_formats import WIRE_FORMATS
from headwater.storage.interface import Extent
from headwater.storage.memory_store import MemoryStore
from headwater.wire import cbor_format
from headwater.wire.event_stream import EventStreamDecoder

START_MS = 1_700_000_000_000
CREDENTIAL = (
    b"AWS4-HMAC-SHA256 Credential=A/20261120/eu-west-1/kinesis/aws4_request,SignedHeaders=a,Signature=0"
)
JSON = b"application/x-amz-json-1.1"
CBOR = b"application/x-amz-cbor-1.1"
ITERATOR_LIFE_MS = 300_000


class Verdict(NamedTuple):
    """What a server says to a request."""

    status: int
    answer: Any
    """The document, its blobs as base64 text and its times as seconds; for a stream, its first event."""

    @property
    def error(self) -> str | None:
        """The error's name; `None` for a success."""
        return None if self.status == 200 else str(self.answer["__type"])

    @property
    def message(self) -> str:
        """The error's text."""
        return str(self.answer.get("message") or self.answer.get("Message") or "")


class SeenStore(MemoryStore):
    """A store that tells of all its logs."""

    def extents(self) -> dict[int, Extent | None]:
        """What each log holds."""
        return {log_id: self.extent(log_id) for log_id in self._logs}


class DestinationsFound:
    """A `ChannelHost` that finds every destination, and delivers nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stream_changed(self, stream: Stream | None) -> None:
        """Let new channels be ACTIVE."""
        for channel in stream.channels if stream is not None else ():
            if channel.status == "CREATING":
                assert stream is not None
                settle = partial(settle_channel, channel_id=channel.channel_id, failure=None)
                drive(self._engine.replace(stream.full_name, settle), lambda _value, _error: None)


class Answers:
    """A `Respond` that hands on answers, and expects nothing else."""

    def __init__(self, take: Callable[[HttpResponse], None]) -> None:
        self.answer = take

    def hold(self, on_gone: Callable[[], None]) -> Callable[[], None]:
        raise AssertionError("no faults are injected here")

    def cut(self) -> None:
        raise AssertionError("no faults are injected here")


class MemoryServer:
    """A server without sockets, asked in one format."""

    def __init__(self, content_type: bytes, log_level: str = "error") -> None:
        self.clock = ManualClock(START_MS)
        self.content_type = content_type
        self._posted: deque[Callable[[], None]] = deque()
        self._lines: list[str] = []
        self._log = RequestLog(self._lines.append, self.clock, lambda _flush: None, log_level=log_level)
        self.store = SeenStore(self._posted.append)
        self.engine = Engine(self.store, self.clock, Settings(transition_ms=0), Random(1).randbytes)
        self.engine.open()
        self.engine.queues.end_waits()  # nobody waits for records here
        self.engine.channel_host = DestinationsFound(self.engine)
        self._dispatch = Dispatch(
            self.engine,
            OPERATIONS,
            WIRE_FORMATS,
            authentication=Authentication("000000000000", "us-east-1"),
            hosts=HostPolicy((), ()),
            origins=OriginPolicy(()),
            log=self._log,
            admin=Admin(self.engine),
        )
        self._run_posted()

    def send(self, operation: str, body: bytes) -> Verdict:
        """What the server says to these bytes."""
        request = self.request(operation, body)
        if operation == "SubscribeToShard":
            return asyncio.run(self._subscribe(request))
        return self._verdict(self.respond(request))

    def request(self, operation: str, body: bytes) -> HttpRequest:
        """A request in good order but for its body."""
        headers = {
            b"content-type": self.content_type,
            b"x-amz-target": b"Kinesis_20131202." + operation.encode(),
            b"x-amz-date": b"20261120T000000Z",
            b"authorization": CREDENTIAL,
        }
        return HttpRequest(b"POST", b"/", headers, body)

    def respond(self, request: HttpRequest) -> HttpResponse:
        """The answer to a request that is answered at once."""
        responses: list[HttpResponse] = []
        self._dispatch.handle(request, Answers(responses.append))
        self._run_posted()
        (response,) = responses
        return response

    def state(self) -> Any:
        """All that the server has stored, but for the records themselves: how many there are."""
        return self.store.metadata(), self.store.extents()

    @property
    def faults(self) -> str:
        """What the server has logged: faults of its own, unless another level is asked for."""
        self._log.flush()
        return "".join(self._lines)

    async def _subscribe(self, request: HttpRequest) -> Verdict:
        arrived: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
        self._dispatch.handle(request, Answers(arrived.set_result))
        self._run_posted()
        response = await arrived
        if response.source is None:
            return self._verdict(response)
        body = FirstEvents()
        response.source.start(body)
        self._run_posted()
        if not body.ended:
            response.source.stop()
        return Verdict(200, [self._plain(self._decode(event)) for event in body.events])

    def _verdict(self, response: HttpResponse) -> Verdict:
        answer = self._decode(bytes(response.body)) if response.body else {}
        return Verdict(response.status, self._plain(answer))

    def _decode(self, body: bytes) -> Any:
        return cbor_format.decode(body) if self.content_type == CBOR else json.loads(body)

    def _plain(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self._plain(member) for name, member in value.items()}
            case list():
                return [self._plain(item) for item in value]
            case bytes():
                return b64encode(value).decode()
            case Instant():
                return value.ms / 1000
            case _:
                return value

    def _run_posted(self) -> None:
        while self._posted:
            self._posted.popleft()()


class FirstEvents:
    """The body of a streamed answer, as far as it came at once."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.ended = False
        self._decoder = EventStreamDecoder()

    def write(self, data: bytes) -> None:
        self.events += [message.payload for message in self._decoder.feed(data)]

    def break_off(self) -> None:
        raise AssertionError("no faults are injected here")

    def end(self) -> None:
        self.ended = True


class TwinServers:
    """The two, with some streams in every state of interest."""

    def __init__(self) -> None:
        self.json = MemoryServer(JSON)
        self.cbor = MemoryServer(CBOR)
        self.known: dict[str, list[Any]] = {}
        """Values that mean something, by the name of a member or of its shape."""
        self.good: dict[str, dict[str, Any]] = {}
        """A request that succeeds for each operation."""
        self._prepare()

    def ask(self, operation: str, **document: Any) -> Any:
        """The answer that both give; the request must succeed."""
        verdict = self.json.send(operation, json_body(document))
        assert verdict == self.cbor.send(operation, cbor_format.encode(document)), operation
        assert verdict.status == 200, verdict
        return verdict.answer

    def advance(self, milliseconds: int) -> None:
        for server in (self.json, self.cbor):
            server.clock.advance_ms(milliseconds)

    def _prepare(self) -> None:
        on_demand = {"StreamMode": "ON_DEMAND"}
        self.ask("UpdateAccountSettings", MinimumThroughputBillingCommitment={"Status": "ENABLED"})
        self.ask("CreateStream", StreamName="orders", ShardCount=2, Tags={"team": "blue"})
        self.ask("CreateStream", StreamName="clicks", StreamModeDetails=on_demand)
        self.ask("CreateStream", StreamName="keyless", StreamModeDetails=on_demand,
                 RecordDistributionStrategy="AUTO")  # fmt: skip
        arn = self.ask("DescribeStreamSummary", StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
        consumer = self.ask("RegisterStreamConsumer", StreamARN=arn, ConsumerName="reports")["Consumer"]
        expired = self._iterator("0")
        self.advance(ITERATOR_LIFE_MS + 1)
        placed = [
            self.ask("PutRecord", StreamName="orders", Data=b"data", PartitionKey=key)
            for key in ("a", "b", "c")
        ]
        self.ask("SplitShard", StreamName="orders", ShardToSplit="shardId-000000000001",
                 NewStartingHashKey=str(3 * 2**126))  # fmt: skip
        statement = {"Effect": "Allow", "Principal": "*", "Action": "kinesis:PutRecord", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.ask("PutResourcePolicy", ResourceARN=arn, Policy=policy)
        self.ask("StartStreamEncryption", StreamName="clicks", EncryptionType="KMS", KeyId="alias/key")
        numbers = [place["SequenceNumber"] for place in placed]
        self.known = self._known_values(arn, consumer["ConsumerARN"], expired, numbers, policy)
        self.good = good_requests(arn, consumer["ConsumerARN"], self._iterator("0"), policy)
        self._prepare_queues(arn.replace("orders", "clicks"))
        self._prepare_channels(arn.replace("orders", "clicks"))

    def _prepare_channels(self, stream_arn: str) -> None:
        """A channel to a bucket."""
        asked = good_channel(stream_arn, "channel")
        arn = self.ask("CreateChannel", **asked)["ChannelDescription"]["ChannelARN"]
        self.known |= {"ChannelARN": [arn, arn.replace("eu-west-1", "us-east-1"), arn[:-1]]}
        self.known["ResourceARN"].append(arn)
        self.good |= good_channel_requests(stream_arn, arn)

    def _prepare_queues(self, stream_arn: str) -> None:
        """A queue with a record in flight, and one with a dead letter in flight."""
        stream = {"StreamARN": stream_arn}
        once = {"DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 1}}
        arn, failed_arn = (
            self.ask("CreateQueue", QueueName=name, StreamConfigurationList=[stream], **more)[
                "QueueDescription"
            ]["QueueARN"]
            for name, more in (("work", {}), ("failed", {"QueueAttributes": once}))
        )
        self.ask("PutRecord", StreamName="clicks", Data=b"data", PartitionKey="a")
        self.ask("ReceiveQueueRecords", QueueARN=failed_arn, VisibilityTimeoutSeconds=0)
        record, dead = (
            self.ask(operation, QueueARN=each)["QueueRecords"][0]["ReceiptHandle"]
            for operation, each in (
                ("ReceiveQueueRecords", arn),
                ("ReceiveDeadLetterQueueRecords", failed_arn),
            )
        )
        self.known |= {
            "QueueARN": [arn, failed_arn, arn.replace("eu-west-1", "us-east-1"), arn[:-1]],
            "QueueName": ["work", "missing"],
            "ReceiptHandle": [record, dead, "AAAA"],
        }
        self.known["ResourceARN"].append(arn)
        self.good |= good_queue_requests(stream_arn, arn, failed_arn, record, dead)

    def _known_values(
        self, arn: str, consumer_arn: str, expired: str, numbers: list[str], policy: str
    ) -> dict[str, list[Any]]:
        shards = ["shardId-000000000000", "shardId-000000000001", "shardId-000000000002", "0"]
        arns = [arn, arn.replace("orders", "clicks"), arn.replace("orders", "missing"),
                arn.replace("eu-west-1", "us-east-1")]  # fmt: skip
        tokens = [self.ask("ListShards", StreamName="orders", MaxResults=1)["NextToken"],
                  self.ask("ListStreams", Limit=1)["NextToken"]]  # fmt: skip
        return {
            "StreamName": ["orders", "orders", "clicks", "keyless", "missing"],
            "StreamARN": arns,
            "ResourceARN": [*arns, consumer_arn],
            "ConsumerARN": [consumer_arn, consumer_arn.replace("reports", "missing")],
            "ConsumerName": ["reports", "missing"],
            "ShardId": shards,
            "ExclusiveStartStreamName": ["clicks"],
            "ShardIterator": [*(self._iterator(shard) for shard in shards), expired, "AAAA"],
            "NextToken": [*tokens, "AAAA"],
            "SequenceNumber": numbers,
            "HashKey": ["0", str(2**127), str(2**128 - 1), str(2**128), "9" * 39],
            "Policy": [policy, "{}", "[]", "{"],
            "KeyId": ["alias/key", "12345678-1234-1234-1234-123456789012", "a key"],
            "PartitionKey": ["a", "é" * 256],
            "RetentionPeriodHours": [23, 24, 48, 8760, 8761],
            "TagKey": ["team", "aws:team", "a%"],
            "EncryptionType": ["KMS"],
        }

    def _iterator(self, shard_id: str) -> str:
        answer = self.ask(
            "GetShardIterator", StreamName="orders", ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )
        return str(answer["ShardIterator"])


def good_requests(arn: str, consumer_arn: str, iterator: str, policy: str) -> dict[str, dict[str, Any]]:
    """For each operation a request that succeeds on the prepared servers."""
    by_name: dict[str, Any] = {"StreamName": "orders"}
    by_arn: dict[str, Any] = {"StreamARN": arn}
    on_demand: dict[str, Any] = {"StreamARN": arn.replace("orders", "clicks")}
    shard = {"ShardId": "shardId-000000000000"}
    metrics = {"ShardLevelMetrics": ["IncomingBytes"]}
    key = {"EncryptionType": "KMS", "KeyId": "alias/key"}
    record = {"Data": b"data", "PartitionKey": "a", "ExplicitHashKey": "0"}
    return {
        "AddTagsToStream": {**by_name, "Tags": {"a": "b"}},
        "CreateStream": {"StreamName": "new", "ShardCount": 1},
        "DecreaseStreamRetentionPeriod": {**by_name, "RetentionPeriodHours": 24},
        "DeleteResourcePolicy": {"ResourceARN": arn},
        "DeleteStream": {**by_name, "EnforceConsumerDeletion": True},
        "DeregisterStreamConsumer": {"ConsumerARN": consumer_arn},
        "DescribeAccountSettings": {},
        "DescribeLimits": {},
        "DescribeStream": {**by_name, "Limit": 1},
        "DescribeStreamConsumer": {**by_arn, "ConsumerName": "reports"},
        "DescribeStreamSummary": by_arn,
        "DisableEnhancedMonitoring": {**by_name, **metrics},
        "EnableEnhancedMonitoring": {**by_name, **metrics},
        "GetRecords": {"ShardIterator": iterator, "Limit": 2},
        "GetResourcePolicy": {"ResourceARN": arn},
        "GetShardIterator": {**by_name, **shard, "ShardIteratorType": "LATEST"},
        "IncreaseStreamRetentionPeriod": {**by_name, "RetentionPeriodHours": 48},
        "ListShards": {**by_name, "ShardFilter": {"Type": "AT_LATEST"}, "MaxResults": 1},
        "ListStreamConsumers": by_arn,
        "ListStreams": {"Limit": 2},
        "ListTagsForResource": {"ResourceARN": arn},
        "ListTagsForStream": by_name,
        "MergeShards": {**by_name, "ShardToMerge": "0", "AdjacentShardToMerge": "shardId-000000000002"},
        "PutRecord": {**by_name, **record},
        "PutRecords": {**by_name, "Records": [record, record]},
        "PutResourcePolicy": {"ResourceARN": arn, "Policy": policy},
        "RegisterStreamConsumer": {**by_arn, "ConsumerName": "alarms", "Tags": {"a": "b"}},
        "RemoveTagsFromStream": {**by_name, "TagKeys": ["team"]},
        "SplitShard": {**by_name, "ShardToSplit": "0", "NewStartingHashKey": str(2**126)},
        "StartStreamEncryption": {**by_name, **key},
        "StopStreamEncryption": {"StreamName": "clicks", **key},
        "SubscribeToShard": {
            "ConsumerARN": consumer_arn,
            **shard,
            "StartingPosition": {"Type": "TRIM_HORIZON"},
        },
        "TagResource": {"ResourceARN": consumer_arn, "Tags": {"a": "b"}},
        "UntagResource": {"ResourceARN": arn, "TagKeys": ["team"]},
        "UpdateAccountSettings": {"MinimumThroughputBillingCommitment": {"Status": "DISABLED"}},
        "UpdateMaxRecordSize": {**by_arn, "MaxRecordSizeInKiB": 2048},
        "UpdateShardCount": {**by_name, "TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"},
        "UpdateStreamMode": {**by_arn, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
        "UpdateStreamRecordDistributionStrategy": {**on_demand, "RecordDistributionStrategy": "AUTO"},
        "UpdateStreamWarmThroughput": {**on_demand, "WarmThroughputMiBps": 8},
    }


def good_queue_requests(
    stream_arn: str, arn: str, failed_arn: str, handle: str, dead_handle: str
) -> dict[str, dict[str, Any]]:
    """The same for the operations on queues: one with a record in flight, one with a dead letter."""
    queue: dict[str, Any] = {"QueueARN": arn}
    failed: dict[str, Any] = {"QueueARN": failed_arn}
    entry, dead_entry = {"ReceiptHandle": handle}, {"ReceiptHandle": dead_handle}
    timeout = {"VisibilityTimeoutSeconds": 5}
    return {
        "AcknowledgeDeadLetterQueueRecords": {**failed, "Entries": [dead_entry]},
        "AcknowledgeQueueRecords": {**queue, "Entries": [entry]},
        "CreateQueue": {"QueueName": "new", "StreamConfigurationList": [{"StreamARN": stream_arn}]},
        "DeleteQueue": queue,
        "DescribeQueue": queue,
        "ListQueues": {"MaxResults": 1, "StreamFilter": [{"StreamARN": stream_arn}]},
        "ReceiveDeadLetterQueueRecords": {**failed, "Limit": 1, "WaitTimeSeconds": 1, **timeout},
        "ReceiveQueueRecords": {**queue, "Limit": 1, "WaitTimeSeconds": 1, **timeout},
        "RestoreDeadLetterQueueRecords": {**failed, "Entries": [dead_entry]},
        "UpdateDeadLetterQueueRecordsVisibility": {**failed, "Entries": [{**dead_entry, **timeout}]},
        "UpdateQueue": {**queue, "QueueAttributes": timeout},
        "UpdateQueueRecordsVisibility": {**queue, "Entries": [{**entry, **timeout}]},
    }


def good_channel(stream_arn: str, name: str) -> dict[str, Any]:
    """A CreateChannel to a bucket."""
    bucket = {"BucketARN": "arn:aws:s3:::bucket", "ExpectedBucketOwner": "000000000000"}
    record = {"RecordFormatType": "JSON"}
    return {
        "ChannelName": name,
        "ServiceExecutionRoleARN": "arn:aws:iam::000000000000:role/any",
        "StreamConfigurationList": [{"StreamARN": stream_arn, "RecordConfiguration": record}],
        "S3DestinationConfiguration": {"StorageConfiguration": {**bucket, "CompressionType": "GZIP"}},
    }


def good_channel_requests(stream_arn: str, arn: str) -> dict[str, dict[str, Any]]:
    """The same for the operations on channels: one is there, to a bucket; a new one is to a table."""
    channel: dict[str, Any] = {"ChannelARN": arn}
    bucket = {"BucketARN": "arn:aws:s3:::bucket", "ExpectedBucketOwner": "000000000000"}
    table = {
        "TableBucketARN": "arn:aws:s3tables:eu-west-1:000000000000:bucket/lake",
        "Namespace": "space",
        "TableName": "table",
        "CompressionType": "ZSTD",
        "PartitionSpec": {"PartitionFields": [{"Transform": "TIME_HOUR", "SourceName": "at"}]},
    }
    schema_arn = "arn:aws:glue:eu-west-1:000000000000:schema/registry/schema"
    record = {"RecordFormatType": "JSON", "GSRSchemaARN": schema_arn}
    new = good_channel(stream_arn, "new") | {
        "StreamConfigurationList": [{"StreamARN": stream_arn, "RecordConfiguration": record}],
        "S3TablesDestinationConfiguration": {
            "DeadLetterQueueS3Configuration": bucket,
            "S3TablesConfigurationList": [table],
        },
    }
    del new["S3DestinationConfiguration"]
    return {
        "CreateChannel": new,
        "DeleteChannel": channel,
        "DescribeChannel": channel,
        "ListChannels": {"MaxResults": 1, "StreamFilter": [{"StreamARN": stream_arn}]},
        "UpdateChannel": {**channel, "S3DestinationConfiguration": {"DataFreshnessInSeconds": 600}},
    }


def json_body(document: Any) -> bytes:
    """The document in JSON, lone surrogates and all."""
    return json.dumps(document, default=_json_value).encode()


def cbor_body(document: dict[str, Any]) -> bytes | None:
    """The document in CBOR; `None` when it has something that CBOR cannot say, or only by other means."""
    try:
        return cbor_format.encode(document)
    except (UnicodeEncodeError, struct.error):
        return None


def _json_value(value: object) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    assert isinstance(value, Instant)
    return value.ms / 1000


def allowed_errors(operation: str) -> set[str]:
    """The errors that the model names for an operation, and those that every operation may answer."""
    return {*api_model().operations[operation].errors, *EVERY_OPERATIONS_ERRORS}


EVERY_OPERATIONS_ERRORS = (
    "AccessDeniedException",
    "SerializationException",
    "UnrecognizedClientException",
    "ValidationException",
)
"""Of AWS's common errors, those that a signed request to an operation that is offered can meet."""
