package headwater;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordResponse;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardFilterType;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;

/** A stream of one test, ACTIVE, and what tests do with it; it goes when the test ends. */
final class NewStream implements AutoCloseable {
    static final String FIRST_SHARD = "shardId-000000000000";

    /** The hash key in the middle of a stream's range. */
    static final String MIDDLE = BigInteger.ONE.shiftLeft(127).toString();

    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    final String name = "java-" + UUID.randomUUID();
    final String arn;
    private final KinesisClient kinesis;

    NewStream(KinesisClient kinesis, int shards) {
        this.kinesis = kinesis;
        kinesis.createStream(r -> r.streamName(name).shardCount(shards));
        waitUntilActive();
        arn = kinesis.describeStreamSummary(r -> r.streamName(name))
                .streamDescriptionSummary()
                .streamARN();
    }

    @Override
    public void close() {
        kinesis.deleteStream(r -> r.streamName(name).enforceConsumerDeletion(true));
    }

    PutRecordResponse put(String data) {
        return kinesis.putRecord(
                r -> r.streamName(name).partitionKey("key").data(SdkBytes.fromUtf8String(data)));
    }

    void split(String shardId, String newStartingHashKey) {
        kinesis.splitShard(r -> r.streamName(name)
                .shardToSplit(shardId)
                .newStartingHashKey(newStartingHashKey));
        waitUntilActive();
    }

    void merge(String shardId, String adjacentShardId) {
        kinesis.mergeShards(
                r -> r.streamName(name).shardToMerge(shardId).adjacentShardToMerge(adjacentShardId));
        waitUntilActive();
    }

    String register(String consumerName) {
        String consumerArn = kinesis.registerStreamConsumer(
                        r -> r.streamARN(arn).consumerName(consumerName))
                .consumer()
                .consumerARN();
        waitUntil(() -> kinesis.describeStreamConsumer(r -> r.consumerARN(consumerArn))
                        .consumerDescription()
                        .consumerStatus()
                == ConsumerStatus.ACTIVE);
        return consumerArn;
    }

    List<String> openShards() {
        return kinesis.listShards(
                        r -> r.streamName(name).shardFilter(f -> f.type(ShardFilterType.AT_LATEST)))
                .shards()
                .stream()
                .map(Shard::shardId)
                .toList();
    }

    /** Read a shard from where an iterator points until so many records have come. */
    List<Record> read(String iterator, int count) {
        List<Record> records = new ArrayList<>();
        String next = iterator;
        while (records.size() < count) {
            String at = next;
            GetRecordsResponse page = kinesis.getRecords(r -> r.shardIterator(at));
            records.addAll(page.records());
            next = page.nextShardIterator();
        }
        assertEquals(count, records.size());
        return records;
    }

    String trimHorizon(String shardId) {
        return kinesis.getShardIterator(r -> r.streamName(name)
                        .shardId(shardId)
                        .shardIteratorType(ShardIteratorType.TRIM_HORIZON))
                .shardIterator();
    }

    void waitUntilActive() {
        waitUntil(() -> kinesis.describeStreamSummary(r -> r.streamName(name))
                        .streamDescriptionSummary()
                        .streamStatus()
                == StreamStatus.ACTIVE);
    }

    static void waitUntil(BooleanSupplier holds) {
        Instant deadline = Instant.now().plus(TIMEOUT);
        while (!holds.getAsBoolean()) {
            assertTrue(Instant.now().isBefore(deadline));
            pause(20);
        }
    }

    static void pause(int ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException stopped) {
            throw new IllegalStateException(stopped);
        }
    }

    static List<String> texts(List<Record> records) {
        return records.stream().map(record -> record.data().asUtf8String()).toList();
    }
}
