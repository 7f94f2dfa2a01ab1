package headwater;

import java.util.UUID;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.leases.LeaseAssignmentStrategy;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * One worker of the Kinesis Client Library, as its users write it; it prints what its processors see.
 *
 * <p>Arguments: the stream, the application, and how to read: {@code polling} or {@code fan-out}.
 * Where Kinesis, DynamoDB and CloudWatch are is in the environment. Only what would make a test last is not at
 * its default: how long a lease outlives its worker, and how often workers look for one.
 */
public final class Worker {
    private static final long FAILOVER_MS = 5_000;
    private static final long LEASE_ASSIGNMENT_MS = 2_000;
    private static final long ALIVE_REPORT_MS = 2_000;
    private static final long LEADER_LEASE_MS = 9_000;
    private static final long LEADER_HEARTBEAT_MS = 2_000;
    private static final long SHARD_SYNC_MS = 1_000;
    private static final long PARENT_POLL_MS = 1_000;
    private static final long IDLE_MS = 500;

    private Worker() {}

    public static void main(String[] arguments) {
        scheduler(arguments[0], arguments[1], arguments[2]).run();
    }

    private static Scheduler scheduler(String stream, String application, String retrieval) {
        KinesisAsyncClient kinesis =
                KinesisClientUtil.createKinesisAsyncClient(KinesisAsyncClient.builder());
        ConfigsBuilder configs = new ConfigsBuilder(
                new SingleStreamTracker(
                        stream,
                        InitialPositionInStreamExtended.newInitialPosition(
                                InitialPositionInStream.TRIM_HORIZON)),
                application,
                kinesis,
                DynamoDbAsyncClient.create(),
                new PatientCloudWatch(CloudWatchAsyncClient.create()),
                UUID.randomUUID().toString(),
                PrintingProcessor::new);
        return new Scheduler(
                configs.checkpointConfig(),
                configs.coordinatorConfig().parentShardPollIntervalMillis(PARENT_POLL_MS),
                quick(configs.leaseManagementConfig()),
                configs.lifecycleConfig(),
                configs.metricsConfig(),
                configs.processorConfig(),
                configs.retrievalConfig()
                        .retrievalSpecificConfig(retrievalConfig(retrieval, stream, application, kinesis)));
    }

    /** Leases that go to the other worker soon, and evenly even while there is nothing to read. */
    private static LeaseManagementConfig quick(LeaseManagementConfig leases) {
        leases.workerUtilizationAwareAssignmentConfig().workerMetricsReporterFreqInMillis(ALIVE_REPORT_MS);
        return leases.failoverTimeMillis(FAILOVER_MS)
                .shardSyncIntervalMillis(SHARD_SYNC_MS)
                .leaseAssignmentStrategy(LeaseAssignmentStrategy.LEASE_COUNT_BASED)
                .leaseAssignmentIntervalMillis(LEASE_ASSIGNMENT_MS)
                .dynamoDbLockBasedLeaderLeaseDurationInMillis(LEADER_LEASE_MS)
                .dynamoDbLockBasedLeaderHeartbeatPeriodInMillis(LEADER_HEARTBEAT_MS);
    }

    private static RetrievalSpecificConfig retrievalConfig(
            String retrieval, String stream, String application, KinesisAsyncClient kinesis) {
        return switch (retrieval) {
            case "fan-out" ->
                new FanOutConfig(kinesis).streamName(stream).applicationName(application);
            case "polling" ->
                new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(IDLE_MS);
            default -> throw new IllegalArgumentException(retrieval);
        };
    }
}
