package headwater;

import static headwater.NewStream.FIRST_SHARD;
import static headwater.NewStream.MIDDLE;
import static headwater.NewStream.texts;
import static headwater.NewStream.waitUntil;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.EncryptionType;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.InvalidArgumentException;
import software.amazon.awssdk.services.kinesis.model.PutRecordResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.ScalingType;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardFilterType;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamMode;
import software.amazon.awssdk.services.kinesis.model.ValidationException;

/** The calls that every program makes: streams, tags, records, reading, resharding, consumers, errors. */
class CallsTest {
    private static final Map<Client, KinesisClient> CLIENTS = new EnumMap<>(Client.class);

    private static KinesisClient made(Client client) {
        return CLIENTS.computeIfAbsent(client, Client::make);
    }

    @AfterAll
    static void close() {
        CLIENTS.values().forEach(KinesisClient::close);
    }

    @ParameterizedTest
    @EnumSource
    void a_stream_lives_from_creation_to_deletion(Client client) {
        KinesisClient kinesis = made(client);
        NewStream stream = new NewStream(kinesis, 2);
        try (stream) {
            StreamDescriptionSummary summary = kinesis.describeStreamSummary(
                            r -> r.streamName(stream.name))
                    .streamDescriptionSummary();
            assertEquals(2, summary.openShardCount());
            assertEquals(24, summary.retentionPeriodHours());
            assertEquals(EncryptionType.NONE, summary.encryptionType());
            assertEquals(StreamMode.PROVISIONED, summary.streamModeDetails().streamMode());
            assertRecent(summary.streamCreationTimestamp());
            assertTrue(summary.streamARN().startsWith("arn:aws:kinesis:eu-west-1:"));
            assertTrue(listed(kinesis, stream));
        }
        waitUntil(() -> !listed(kinesis, stream));
    }

    @ParameterizedTest
    @EnumSource
    void settings_and_tags_are_kept(Client client) {
        KinesisClient kinesis = made(client);
        try (NewStream stream = new NewStream(kinesis, 1)) {
            kinesis.increaseStreamRetentionPeriod(
                    r -> r.streamName(stream.name).retentionPeriodHours(48));
            stream.waitUntilActive();
            kinesis.addTagsToStream(r -> r.streamName(stream.name).tags(Map.of("owner", "Zoë")));
            kinesis.tagResource(r -> r.resourceARN(stream.arn).tags(Map.of("stage", "test")));
            kinesis.removeTagsFromStream(r -> r.streamName(stream.name).tagKeys("stage"));

            assertEquals(
                    48,
                    kinesis.describeStream(r -> r.streamName(stream.name))
                            .streamDescription()
                            .retentionPeriodHours());
            List<String> tags = kinesis.listTagsForStream(r -> r.streamName(stream.name)).tags().stream()
                    .map(tag -> tag.key() + "=" + tag.value())
                    .toList();
            assertEquals(List.of("owner=Zoë"), tags);
            assertTrue(kinesis.describeLimits().shardLimit() > 0);
        }
    }

    @ParameterizedTest
    @EnumSource
    void a_binary_record_comes_back_as_it_was_put(Client client) {
        KinesisClient kinesis = made(client);
        byte[] everyByte = new byte[1024 * 1024 - "Ключ".length() * 2];
        IntStream.range(0, everyByte.length).forEach(at -> everyByte[at] = (byte) at);
        try (NewStream stream = new NewStream(kinesis, 1)) {
            PutRecordResponse placed = kinesis.putRecord(r -> r.streamName(stream.name)
                    .partitionKey("Ключ")
                    .data(SdkBytes.fromByteArray(everyByte)));
            Record record = stream.read(stream.trimHorizon(FIRST_SHARD), 1).get(0);
            assertArrayEquals(everyByte, record.data().asByteArray());
            assertEquals("Ключ", record.partitionKey());
            assertEquals(placed.sequenceNumber(), record.sequenceNumber());
            assertRecent(record.approximateArrivalTimestamp());
        }
    }

    @ParameterizedTest
    @EnumSource
    void many_records_come_back_in_order_from_where_their_keys_put_them(Client client) {
        KinesisClient kinesis = made(client);
        try (NewStream stream = new NewStream(kinesis, 2)) {
            List<PutRecordsRequestEntry> entries = IntStream.range(0, 500)
                    .mapToObj(number -> PutRecordsRequestEntry.builder()
                            .partitionKey("key-" + number)
                            .explicitHashKey(number % 2 == 0 ? "0" : MIDDLE)
                            .data(SdkBytes.fromUtf8String("record " + number))
                            .build())
                    .toList();
            assertEquals(
                    0,
                    kinesis.putRecords(r -> r.streamName(stream.name).records(entries))
                            .failedRecordCount());
            for (int index = 0; index < 2; index++) {
                int first = index;
                List<String> expected = IntStream.range(0, 250)
                        .mapToObj(number -> "record " + (number * 2 + first))
                        .toList();
                String shardId = stream.openShards().get(index);
                assertEquals(expected, texts(stream.read(stream.trimHorizon(shardId), 250)));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void an_iterator_starts_where_it_is_told(Client client) {
        KinesisClient kinesis = made(client);
        try (NewStream stream = new NewStream(kinesis, 1)) {
            stream.put("first");
            NewStream.pause(5);
            String second = stream.put("second").sequenceNumber();
            Instant arrived = stream.read(stream.trimHorizon(FIRST_SHARD), 2)
                    .get(1)
                    .approximateArrivalTimestamp();
            String latest = iterator(kinesis, stream, ShardIteratorType.LATEST, null, null);
            stream.put("third");

            String at = iterator(kinesis, stream, ShardIteratorType.AT_SEQUENCE_NUMBER, second, null);
            String after = iterator(kinesis, stream, ShardIteratorType.AFTER_SEQUENCE_NUMBER, second, null);
            String since = iterator(kinesis, stream, ShardIteratorType.AT_TIMESTAMP, null, arrived);
            assertEquals(List.of("second", "third"), texts(stream.read(at, 2)));
            assertEquals(List.of("third"), texts(stream.read(after, 1)));
            assertEquals(List.of("second", "third"), texts(stream.read(since, 2)));
            assertEquals(List.of("third"), texts(stream.read(latest, 1)));
        }
    }

    @ParameterizedTest
    @EnumSource
    void reading_goes_on_from_a_split_shard_to_its_children(Client client) {
        KinesisClient kinesis = made(client);
        try (NewStream stream = new NewStream(kinesis, 1)) {
            stream.put("before");
            stream.split(FIRST_SHARD, MIDDLE);
            stream.put("after");

            List<Record> read = new ArrayList<>();
            GetRecordsResponse page = kinesis.getRecords(
                    r -> r.shardIterator(stream.trimHorizon(FIRST_SHARD)));
            read.addAll(page.records());
            while (page.nextShardIterator() != null) {
                assertFalse(page.hasChildShards());
                String next = page.nextShardIterator();
                page = kinesis.getRecords(r -> r.shardIterator(next));
                read.addAll(page.records());
            }
            assertEquals(List.of("before"), texts(read));
            assertEquals(0, page.millisBehindLatest());
            assertEquals(2, page.childShards().size());
            page.childShards().forEach(child -> assertEquals(List.of(FIRST_SHARD), child.parentShards()));

            ChildShard upper = page.childShards().stream()
                    .max(Comparator.comparing(ChildShard::shardId))
                    .orElseThrow();
            assertEquals(MIDDLE, upper.hashKeyRange().startingHashKey());
            List<String> children =
                    page.childShards().stream().map(ChildShard::shardId).sorted().toList();
            assertEquals(children, stream.openShards());

            stream.merge(children.get(0), children.get(1));
            Shard merged = kinesis.listShards(r -> r.streamName(stream.name)
                            .shardFilter(f -> f.type(ShardFilterType.AFTER_SHARD_ID)
                                    .shardId(children.get(1))))
                    .shards()
                    .get(0);
            assertEquals(
                    Set.copyOf(children), Set.of(merged.parentShardId(), merged.adjacentParentShardId()));
            assertNull(merged.sequenceNumberRange().endingSequenceNumber());
        }
    }

    @ParameterizedTest
    @EnumSource
    void shards_are_counted_up_and_listed_page_by_page(Client client) {
        KinesisClient kinesis = made(client);
        try (NewStream stream = new NewStream(kinesis, 2)) {
            kinesis.updateShardCount(r -> r.streamName(stream.name)
                    .targetShardCount(4)
                    .scalingType(ScalingType.UNIFORM_SCALING));
            stream.waitUntilActive();
            assertEquals(4, stream.openShards().size());

            var page = kinesis.listShards(r -> r.streamName(stream.name).maxResults(4));
            List<Shard> shards = new ArrayList<>(page.shards());
            while (page.nextToken() != null) {
                String next = page.nextToken();
                page = kinesis.listShards(r -> r.nextToken(next).maxResults(4));
                shards.addAll(page.shards());
            }
            assertEquals(6, shards.size());
        }
    }

    @ParameterizedTest
    @EnumSource
    void a_consumer_is_registered_described_listed_and_deregistered(Client client) {
        KinesisClient kinesis = made(client);
        try (NewStream stream = new NewStream(kinesis, 1)) {
            String consumerArn = stream.register("reader");
            assertTrue(consumerArn.startsWith(stream.arn + "/consumer/reader:"));
            assertThrows(
                    ResourceInUseException.class,
                    () -> kinesis.registerStreamConsumer(
                            r -> r.streamARN(stream.arn).consumerName("reader")));
            var consumer = kinesis.listStreamConsumers(r -> r.streamARN(stream.arn))
                    .consumers()
                    .get(0);
            assertEquals(consumerArn, consumer.consumerARN());
            assertEquals(ConsumerStatus.ACTIVE, consumer.consumerStatus());
            assertRecent(consumer.consumerCreationTimestamp());

            kinesis.deregisterStreamConsumer(r -> r.consumerARN(consumerArn));
            waitUntil(() -> kinesis.listStreamConsumers(r -> r.streamARN(stream.arn))
                    .consumers()
                    .isEmpty());
        }
    }

    @ParameterizedTest
    @EnumSource
    void errors_are_modelled_exceptions_with_the_text_of_aws(Client client) {
        KinesisClient kinesis = made(client);
        var missing = assertThrows(
                ResourceNotFoundException.class,
                () -> kinesis.describeStreamSummary(r -> r.streamName("nowhere")));
        assertEquals(400, missing.statusCode());
        assertEquals("ResourceNotFoundException", missing.awsErrorDetails().errorCode());
        assertEquals(
                "Stream nowhere under account 000000000000 not found.",
                missing.awsErrorDetails().errorMessage());
        assertFalse(missing.requestId().isEmpty());

        var garbage = assertThrows(
                InvalidArgumentException.class,
                () -> kinesis.getRecords(r -> r.shardIterator("garbage")));
        assertEquals("Invalid ShardIterator.", garbage.awsErrorDetails().errorMessage());

        var unnamed = assertThrows(
                ValidationException.class,
                () -> kinesis.createStream(r -> r.streamName("not a name").shardCount(1)));
        assertEquals(
                "1 validation error detected: Value 'not a name' at 'streamName' failed to satisfy"
                        + " constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
                unnamed.awsErrorDetails().errorMessage());

        try (NewStream stream = new NewStream(kinesis, 1)) {
            assertThrows(
                    ResourceInUseException.class,
                    () -> kinesis.createStream(r -> r.streamName(stream.name).shardCount(1)));
            assertThrows(
                    InvalidArgumentException.class,
                    () -> stream.split(FIRST_SHARD, "0"));
        }
    }

    private static boolean listed(KinesisClient kinesis, NewStream stream) {
        return kinesis.listStreams(r -> r.limit(10_000)).streamNames().contains(stream.name);
    }

    private static String iterator(
            KinesisClient kinesis, NewStream stream, ShardIteratorType type, String number, Instant time) {
        return kinesis.getShardIterator(r -> r.streamName(stream.name)
                        .shardId(FIRST_SHARD)
                        .shardIteratorType(type)
                        .startingSequenceNumber(number)
                        .timestamp(time))
                .shardIterator();
    }

    private static void assertRecent(Instant time) {
        Duration age = Duration.between(time, Instant.now()).abs();
        assertTrue(age.compareTo(Duration.ofMinutes(1)) < 0, () -> "not recent: " + time);
    }
}
