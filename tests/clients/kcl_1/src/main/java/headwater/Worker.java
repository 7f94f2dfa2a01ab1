package headwater;

import com.amazonaws.auth.AWSCredentialsProvider;
import com.amazonaws.auth.DefaultAWSCredentialsProviderChain;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.cloudwatch.AmazonCloudWatchClientBuilder;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.InitialPositionInStream;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.KinesisClientLibConfiguration;
import java.util.UUID;

/**
 * One worker of the Kinesis Client Library 1, as its users write it; it prints what its processors see.
 *
 * <p>Arguments: the stream, the application, and how to read, which is always {@code polling}. The
 * environment says where the services are; this SDK does not read those variables, so this program
 * does. Only what would make a test last is not at its default: how long a lease outlives its
 * worker, and how often a worker looks for shards.
 */
public final class Worker {
    private static final long FAILOVER_MS = 5_000;
    private static final long SHARD_SYNC_MS = 1_000;
    private static final long PARENT_POLL_MS = 1_000;
    private static final long IDLE_MS = 500;

    private Worker() {}

    public static void main(String[] arguments) {
        worker(arguments[0], arguments[1]).run();
    }

    private static com.amazonaws.services.kinesis.clientlibrary.lib.worker.Worker worker(
            String stream, String application) {
        AWSCredentialsProvider credentials = DefaultAWSCredentialsProviderChain.getInstance();
        String region = System.getenv("AWS_REGION");
        KinesisClientLibConfiguration configuration =
                new KinesisClientLibConfiguration(
                                application, stream, credentials, UUID.randomUUID().toString())
                        .withKinesisEndpoint(System.getenv("AWS_ENDPOINT_URL_KINESIS"))
                        .withDynamoDBEndpoint(System.getenv("AWS_ENDPOINT_URL_DYNAMODB"))
                        .withRegionName(region)
                        .withInitialPositionInStream(InitialPositionInStream.TRIM_HORIZON)
                        .withFailoverTimeMillis(FAILOVER_MS)
                        .withShardSyncIntervalMillis(SHARD_SYNC_MS)
                        .withParentShardPollIntervalMillis(PARENT_POLL_MS)
                        .withIdleTimeBetweenReadsInMillis(IDLE_MS);
        EndpointConfiguration cloudWatch =
                new EndpointConfiguration(System.getenv("AWS_ENDPOINT_URL_CLOUDWATCH"), region);
        return new com.amazonaws.services.kinesis.clientlibrary.lib.worker.Worker.Builder()
                .recordProcessorFactory(PrintingProcessor::new)
                .config(configuration)
                .cloudWatchClient(
                        AmazonCloudWatchClientBuilder.standard()
                                .withCredentials(credentials)
                                .withEndpointConfiguration(cloudWatch)
                                .build())
                .build();
    }
}
