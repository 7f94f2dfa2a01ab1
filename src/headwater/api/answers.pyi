# The answers of the API, as scripts/generate_api_types.py writes them.
# fmt: off
from typing import NotRequired, TypedDict

from headwater.model.instant import Instant
from headwater.model.record_list import PlacementList, RecordList

class AcknowledgeDeadLetterQueueRecordsErrorEntry(TypedDict):
    ReceiptHandle: str
    ErrorCode: str
    ErrorMessage: NotRequired[str]

class AcknowledgeDeadLetterQueueRecordsOutput(TypedDict):
    Successful: list[AcknowledgeDeadLetterQueueRecordsResultEntry]
    Failed: list[AcknowledgeDeadLetterQueueRecordsErrorEntry]

class AcknowledgeDeadLetterQueueRecordsResultEntry(TypedDict):
    ReceiptHandle: str

class AcknowledgeQueueRecordsErrorEntry(TypedDict):
    ReceiptHandle: str
    ErrorCode: str
    ErrorMessage: NotRequired[str]

class AcknowledgeQueueRecordsOutput(TypedDict):
    Successful: list[AcknowledgeQueueRecordsResultEntry]
    Failed: list[AcknowledgeQueueRecordsErrorEntry]

class AcknowledgeQueueRecordsResultEntry(TypedDict):
    ReceiptHandle: str

class ChannelDescription(TypedDict):
    ChannelName: str
    ChannelARN: str
    ChannelId: str
    ChannelStatus: str
    ChannelStatusReason: NotRequired[str]
    ChannelCreationTimestamp: Instant
    ServiceExecutionRoleARN: str
    StreamConfigurationList: list[ChannelStreamDescription]
    S3DestinationConfiguration: NotRequired[S3DestinationDescription]
    S3TablesDestinationConfiguration: NotRequired[S3TablesDestinationDescription]
    EncryptionConfiguration: NotRequired[ChannelEncryptionConfiguration]
    LoggingConfiguration: ChannelLoggingConfiguration

class ChannelEncryptionConfiguration(TypedDict):
    EncryptionType: str
    KeyId: str

class ChannelLoggingConfiguration(TypedDict):
    CloudWatchLogs: CloudWatchLogs

class ChannelStreamDescription(TypedDict):
    StreamARN: str
    StreamCreationTimestamp: Instant
    RecordConfiguration: RecordConfiguration

class ChannelStreamIdentifier(TypedDict):
    StreamARN: str
    StreamCreationTimestamp: Instant

class ChannelSummary(TypedDict):
    ChannelName: str
    ChannelARN: str
    ChannelId: str
    ChannelStatus: str
    ChannelStatusReason: NotRequired[str]
    ChannelCreationTimestamp: Instant
    ChannelDestinationType: str
    Streams: list[ChannelStreamIdentifier]

class ChildShard(TypedDict):
    ShardId: str
    ParentShards: list[str]
    HashKeyRange: HashKeyRange

class CloudWatchLogs(TypedDict):
    Enabled: bool
    LogGroupName: NotRequired[str]
    LogStreamName: NotRequired[str]

class Consumer(TypedDict):
    ConsumerName: str
    ConsumerARN: str
    ConsumerStatus: str
    ConsumerCreationTimestamp: Instant

class ConsumerDescription(TypedDict):
    ConsumerName: str
    ConsumerARN: str
    ConsumerStatus: str
    ConsumerCreationTimestamp: Instant
    StreamARN: str

class CreateChannelOutput(TypedDict):
    ChannelDescription: ChannelDescription

class CreateQueueOutput(TypedDict):
    QueueDescription: QueueDescription

class DeadLetterConfiguration(TypedDict):
    TargetType: str
    MaxReceiveCount: NotRequired[int]

class DeadLetterQueueS3Configuration(TypedDict):
    BucketARN: str
    ExpectedBucketOwner: str
    ErrorOutputPrefix: NotRequired[str]

class DescribeAccountSettingsOutput(TypedDict):
    MinimumThroughputBillingCommitment: NotRequired[MinimumThroughputBillingCommitmentOutput]

class DescribeChannelOutput(TypedDict):
    ChannelDescription: ChannelDescription

class DescribeLimitsOutput(TypedDict):
    ShardLimit: int
    OpenShardCount: int
    OnDemandStreamCount: int
    OnDemandStreamCountLimit: int
    ChannelCount: NotRequired[int]
    ChannelCountLimit: NotRequired[int]

class DescribeQueueOutput(TypedDict):
    QueueDescription: QueueDescription

class DescribeStreamConsumerOutput(TypedDict):
    ConsumerDescription: ConsumerDescription

class DescribeStreamOutput(TypedDict):
    StreamDescription: StreamDescription

class DescribeStreamSummaryOutput(TypedDict):
    StreamDescriptionSummary: StreamDescriptionSummary

class EnhancedMetrics(TypedDict):
    ShardLevelMetrics: NotRequired[list[str]]

class EnhancedMonitoringOutput(TypedDict):
    StreamName: NotRequired[str]
    CurrentShardLevelMetrics: NotRequired[list[str]]
    DesiredShardLevelMetrics: NotRequired[list[str]]
    StreamARN: NotRequired[str]

class GetRecordsOutput(TypedDict):
    Records: RecordList
    NextShardIterator: NotRequired[str]
    MillisBehindLatest: NotRequired[int]
    ChildShards: NotRequired[list[ChildShard]]

class GetResourcePolicyOutput(TypedDict):
    Policy: str

class GetShardIteratorOutput(TypedDict):
    ShardIterator: NotRequired[str]

class HashKeyRange(TypedDict):
    StartingHashKey: str
    EndingHashKey: str

class InternalFailureException(TypedDict):
    message: NotRequired[str]

class KMSAccessDeniedException(TypedDict):
    message: NotRequired[str]

class KMSDisabledException(TypedDict):
    message: NotRequired[str]

class KMSInvalidStateException(TypedDict):
    message: NotRequired[str]

class KMSNotFoundException(TypedDict):
    message: NotRequired[str]

class KMSOptInRequired(TypedDict):
    message: NotRequired[str]

class KMSThrottlingException(TypedDict):
    message: NotRequired[str]

class ListChannelsOutput(TypedDict):
    ChannelSummaries: list[ChannelSummary]
    NextToken: NotRequired[str]

class ListQueuesOutput(TypedDict):
    QueueSummaries: list[QueueSummary]
    NextToken: NotRequired[str]

class ListShardsOutput(TypedDict):
    Shards: NotRequired[list[Shard]]
    NextToken: NotRequired[str]

class ListStreamConsumersOutput(TypedDict):
    Consumers: NotRequired[list[Consumer]]
    NextToken: NotRequired[str]

class ListStreamsOutput(TypedDict):
    StreamNames: list[str]
    HasMoreStreams: bool
    NextToken: NotRequired[str]
    StreamSummaries: NotRequired[list[StreamSummary]]

class ListTagsForResourceOutput(TypedDict):
    Tags: NotRequired[list[Tag]]

class ListTagsForStreamOutput(TypedDict):
    Tags: list[Tag]
    HasMoreTags: bool

class MinimumThroughputBillingCommitmentOutput(TypedDict):
    Status: str
    StartedAt: NotRequired[Instant]
    EndedAt: NotRequired[Instant]
    EarliestAllowedEndAt: NotRequired[Instant]

class PartitionField(TypedDict):
    Transform: str
    SourceName: str

class PartitionSpec(TypedDict):
    PartitionFields: list[PartitionField]

class PutRecordOutput(TypedDict):
    ShardId: str
    SequenceNumber: str
    EncryptionType: NotRequired[str]

class PutRecordsOutput(TypedDict):
    FailedRecordCount: NotRequired[int]
    Records: list[PutRecordsResultEntry] | PlacementList
    EncryptionType: NotRequired[str]

class PutRecordsResultEntry(TypedDict):
    SequenceNumber: NotRequired[str]
    ShardId: NotRequired[str]
    ErrorCode: NotRequired[str]
    ErrorMessage: NotRequired[str]

class QueueAttributes(TypedDict):
    VisibilityTimeoutSeconds: NotRequired[int]
    DeadLetterConfiguration: NotRequired[DeadLetterConfiguration]

class QueueDescription(TypedDict):
    QueueName: str
    QueueARN: str
    QueueStatus: str
    QueueCreationTimestamp: Instant
    StreamConfigurationList: list[QueueStreamConfiguration]
    QueueAttributes: NotRequired[QueueAttributes]

class QueueRecord(TypedDict):
    ReceiptHandle: str
    RecordId: str
    PartitionKey: NotRequired[str]
    Data: bytes
    ApproximateArrivalTimestamp: Instant
    FirstReceiveTimestamp: Instant
    ReceiveCount: int

class QueueStartingPosition(TypedDict):
    Type: str
    Timestamp: NotRequired[Instant]

class QueueStreamConfiguration(TypedDict):
    StreamARN: str
    StartingPosition: NotRequired[QueueStartingPosition]

class QueueStreamIdentifier(TypedDict):
    StreamARN: str
    StreamCreationTimestamp: Instant

class QueueSummary(TypedDict):
    QueueName: str
    QueueARN: str
    QueueStatus: str
    QueueCreationTimestamp: Instant
    Streams: list[QueueStreamIdentifier]

class ReceiveDeadLetterQueueRecordsOutput(TypedDict):
    QueueRecords: list[QueueRecord]

class ReceiveQueueRecordsOutput(TypedDict):
    QueueRecords: list[QueueRecord]

class Record(TypedDict):
    SequenceNumber: str
    ApproximateArrivalTimestamp: NotRequired[Instant]
    Data: bytes
    PartitionKey: NotRequired[str]
    EncryptionType: NotRequired[str]

class RecordConfiguration(TypedDict):
    RecordFormatType: str
    GSRSchemaARN: NotRequired[str]

class RegisterStreamConsumerOutput(TypedDict):
    Consumer: Consumer

class ResourceInUseException(TypedDict):
    message: NotRequired[str]

class ResourceNotFoundException(TypedDict):
    message: NotRequired[str]

class RestoreDeadLetterQueueRecordsErrorEntry(TypedDict):
    ReceiptHandle: str
    ErrorCode: str
    ErrorMessage: NotRequired[str]

class RestoreDeadLetterQueueRecordsOutput(TypedDict):
    Successful: list[RestoreDeadLetterQueueRecordsResultEntry]
    Failed: list[RestoreDeadLetterQueueRecordsErrorEntry]

class RestoreDeadLetterQueueRecordsResultEntry(TypedDict):
    ReceiptHandle: str

class S3DestinationDescription(TypedDict):
    DataFreshnessInSeconds: int
    DeadLetterQueueS3Configuration: DeadLetterQueueS3Configuration
    StorageConfiguration: S3StorageConfiguration

class S3StorageConfiguration(TypedDict):
    BucketARN: str
    ExpectedBucketOwner: str
    OutputKeyTemplate: NotRequired[str]
    StorageClass: NotRequired[str]
    CompressionType: str

class S3TablesConfiguration(TypedDict):
    TableBucketARN: str
    Namespace: str
    TableName: str
    CompressionType: str
    PartitionSpec: NotRequired[PartitionSpec]

class S3TablesDestinationDescription(TypedDict):
    DataFreshnessInSeconds: int
    DeadLetterQueueS3Configuration: DeadLetterQueueS3Configuration
    S3TablesConfigurationList: list[S3TablesConfiguration]

class SequenceNumberRange(TypedDict):
    StartingSequenceNumber: str
    EndingSequenceNumber: NotRequired[str]

class Shard(TypedDict):
    ShardId: str
    ParentShardId: NotRequired[str]
    AdjacentParentShardId: NotRequired[str]
    HashKeyRange: HashKeyRange
    SequenceNumberRange: SequenceNumberRange

class StreamDescription(TypedDict):
    StreamName: str
    StreamARN: str
    StreamStatus: str
    StreamModeDetails: NotRequired[StreamModeDetails]
    Shards: list[Shard]
    HasMoreShards: bool
    RetentionPeriodHours: int
    StreamCreationTimestamp: Instant
    EnhancedMonitoring: list[EnhancedMetrics]
    EncryptionType: NotRequired[str]
    KeyId: NotRequired[str]

class StreamDescriptionSummary(TypedDict):
    StreamName: str
    StreamARN: str
    StreamId: NotRequired[str]
    StreamStatus: str
    StreamModeDetails: NotRequired[StreamModeDetails]
    RetentionPeriodHours: int
    StreamCreationTimestamp: Instant
    EnhancedMonitoring: list[EnhancedMetrics]
    EncryptionType: NotRequired[str]
    KeyId: NotRequired[str]
    OpenShardCount: int
    ConsumerCount: NotRequired[int]
    WarmThroughput: NotRequired[WarmThroughputObject]
    MaxRecordSizeInKiB: NotRequired[int]
    ChannelCount: NotRequired[int]
    RecordDistributionStrategy: NotRequired[str]
    QueueCount: NotRequired[int]

class StreamModeDetails(TypedDict):
    StreamMode: str

class StreamSummary(TypedDict):
    StreamName: str
    StreamARN: str
    StreamStatus: str
    StreamModeDetails: NotRequired[StreamModeDetails]
    StreamCreationTimestamp: NotRequired[Instant]

class SubscribeToShardEvent(TypedDict):
    Records: RecordList
    ContinuationSequenceNumber: str
    MillisBehindLatest: int
    ChildShards: NotRequired[list[ChildShard]]

class SubscribeToShardEventStream(TypedDict):
    SubscribeToShardEvent: SubscribeToShardEvent
    ResourceNotFoundException: NotRequired[ResourceNotFoundException]
    ResourceInUseException: NotRequired[ResourceInUseException]
    KMSDisabledException: NotRequired[KMSDisabledException]
    KMSInvalidStateException: NotRequired[KMSInvalidStateException]
    KMSAccessDeniedException: NotRequired[KMSAccessDeniedException]
    KMSNotFoundException: NotRequired[KMSNotFoundException]
    KMSOptInRequired: NotRequired[KMSOptInRequired]
    KMSThrottlingException: NotRequired[KMSThrottlingException]
    InternalFailureException: NotRequired[InternalFailureException]

class SubscribeToShardOutput(TypedDict):
    EventStream: SubscribeToShardEventStream

class Tag(TypedDict):
    Key: str
    Value: NotRequired[str]

class UpdateAccountSettingsOutput(TypedDict):
    MinimumThroughputBillingCommitment: NotRequired[MinimumThroughputBillingCommitmentOutput]

class UpdateChannelOutput(TypedDict):
    ChannelDescription: ChannelDescription

class UpdateDeadLetterQueueRecordsVisibilityErrorEntry(TypedDict):
    ReceiptHandle: str
    ErrorCode: str
    ErrorMessage: NotRequired[str]

class UpdateDeadLetterQueueRecordsVisibilityOutput(TypedDict):
    Successful: list[UpdateDeadLetterQueueRecordsVisibilityResultEntry]
    Failed: list[UpdateDeadLetterQueueRecordsVisibilityErrorEntry]

class UpdateDeadLetterQueueRecordsVisibilityResultEntry(TypedDict):
    ReceiptHandle: str

class UpdateQueueOutput(TypedDict):
    QueueDescription: QueueDescription

class UpdateQueueRecordsVisibilityErrorEntry(TypedDict):
    ReceiptHandle: str
    ErrorCode: str
    ErrorMessage: NotRequired[str]

class UpdateQueueRecordsVisibilityOutput(TypedDict):
    Successful: list[UpdateQueueRecordsVisibilityResultEntry]
    Failed: list[UpdateQueueRecordsVisibilityErrorEntry]

class UpdateQueueRecordsVisibilityResultEntry(TypedDict):
    ReceiptHandle: str

class UpdateShardCountOutput(TypedDict):
    StreamName: NotRequired[str]
    CurrentShardCount: NotRequired[int]
    TargetShardCount: NotRequired[int]
    StreamARN: NotRequired[str]

class UpdateStreamWarmThroughputOutput(TypedDict):
    StreamARN: NotRequired[str]
    StreamName: NotRequired[str]
    WarmThroughput: NotRequired[WarmThroughputObject]

class WarmThroughputObject(TypedDict):
    TargetMiBps: NotRequired[int]
    CurrentMiBps: NotRequired[int]
