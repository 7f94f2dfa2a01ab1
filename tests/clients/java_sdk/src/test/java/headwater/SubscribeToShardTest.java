package headwater;

import static headwater.NewStream.FIRST_SHARD;
import static headwater.NewStream.MIDDLE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StartingPosition;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;

/** Enhanced fan-out, which only the asynchronous client has. */
class SubscribeToShardTest {
    private static final Map<Fanout, KinesisAsyncClient> CLIENTS = new EnumMap<>(Fanout.class);

    private static KinesisAsyncClient made(Fanout way) {
        return CLIENTS.computeIfAbsent(way, Fanout::make);
    }

    static List<Fanout> ways() {
        return Fanout.ways();
    }

    @AfterAll
    static void close() {
        CLIENTS.values().forEach(KinesisAsyncClient::close);
    }

    private static NewStream stream(KinesisAsyncClient kinesis) {
        return new NewStream(Joined.of(kinesis), 1);
    }

    private static void trimHorizon(StartingPosition.Builder position) {
        position.type(ShardIteratorType.TRIM_HORIZON);
    }

    @ParameterizedTest
    @MethodSource("ways")
    void a_subscription_starts_where_it_is_told(Fanout way) {
        KinesisAsyncClient kinesis = made(way);
        try (NewStream stream = stream(kinesis)) {
            stream.put("first");
            NewStream.pause(5);
            String second = stream.put("second").sequenceNumber();
            Instant arrived = stream.read(stream.trimHorizon(FIRST_SHARD), 2)
                    .get(1)
                    .approximateArrivalTimestamp();

            Map<Consumer<StartingPosition.Builder>, List<String>> expected = Map.of(
                    SubscribeToShardTest::trimHorizon, List.of("first", "second", "third"),
                    p -> p.type(ShardIteratorType.AT_SEQUENCE_NUMBER).sequenceNumber(second),
                            List.of("second", "third"),
                    p -> p.type(ShardIteratorType.AFTER_SEQUENCE_NUMBER).sequenceNumber(second),
                            List.of("third"),
                    p -> p.type(ShardIteratorType.AT_TIMESTAMP).timestamp(arrived),
                            List.of("second", "third"),
                    p -> p.type(ShardIteratorType.LATEST), List.of("third"));
            Map<Reader, List<String>> readers = new HashMap<>();
            expected.forEach((position, texts) -> {
                String consumerArn = stream.register("reader-" + readers.size());
                readers.put(new Reader(kinesis, consumerArn, FIRST_SHARD, position).begun(), texts);
            });
            stream.put("third");
            readers.forEach((reader, texts) -> {
                assertEquals(texts, reader.texts(texts.size()));
                reader.close();
            });
        }
    }

    @ParameterizedTest
    @MethodSource("ways")
    void a_reader_that_left_goes_on_from_the_continuation(Fanout way) {
        KinesisAsyncClient kinesis = made(way);
        try (NewStream stream = stream(kinesis)) {
            stream.put("first");
            String continuation;
            String one = stream.register("one");
            try (Reader reader = new Reader(kinesis, one, FIRST_SHARD, SubscribeToShardTest::trimHorizon)) {
                SubscribeToShardEvent event = reader.next();
                assertEquals(List.of("first"), NewStream.texts(event.records()));
                assertEquals(0, event.millisBehindLatest());
                assertFalse(event.hasChildShards());
                continuation = event.continuationSequenceNumber();
                assertNotNull(continuation);
            }
            stream.put("second");
            String two = stream.register("two");
            try (Reader reader = new Reader(kinesis, two, FIRST_SHARD, p -> p.type(
                            ShardIteratorType.AFTER_SEQUENCE_NUMBER)
                    .sequenceNumber(continuation))) {
                assertEquals(List.of("second"), reader.texts(1));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("ways")
    void megabytes_are_pushed_in_order(Fanout way) {
        KinesisAsyncClient kinesis = made(way);
        try (NewStream stream = stream(kinesis)) {
            String consumerArn = stream.register("reader");
            try (Reader reader = new Reader(
                    kinesis, consumerArn, FIRST_SHARD, p -> p.type(ShardIteratorType.LATEST))) {
                reader.begun();
                String filling = "x".repeat(3000);
                List<String> expected = IntStream.range(0, 2000)
                        .mapToObj(number -> number + filling)
                        .toList();
                for (int start = 0; start < expected.size(); start += 500) {
                    List<PutRecordsRequestEntry> entries = expected.subList(start, start + 500).stream()
                            .map(text -> PutRecordsRequestEntry.builder()
                                    .partitionKey("key")
                                    .data(SdkBytes.fromUtf8String(text))
                                    .build())
                            .toList();
                    Joined.of(kinesis).putRecords(r -> r.streamName(stream.name).records(entries));
                }
                assertEquals(expected, reader.texts(expected.size()));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("ways")
    void a_subscription_ends_with_its_shard_and_names_the_children(Fanout way) {
        KinesisAsyncClient kinesis = made(way);
        try (NewStream stream = stream(kinesis)) {
            String consumerArn = stream.register("reader");
            stream.put("before");
            List<ChildShard> children = readToTheEnd(
                    new Reader(kinesis, consumerArn, FIRST_SHARD, SubscribeToShardTest::trimHorizon).begun(),
                    () -> stream.split(FIRST_SHARD, MIDDLE),
                    List.of("before"));
            assertEquals(2, children.size());
            children.forEach(child -> assertEquals(List.of(FIRST_SHARD), child.parentShards()));
            assertTrue(children.stream()
                    .anyMatch(child -> MIDDLE.equals(child.hashKeyRange().startingHashKey())));

            stream.put("between");
            List<String> parents = children.stream().map(ChildShard::shardId).sorted().toList();
            List<Reader> readers = parents.stream()
                    .map(id -> new Reader(kinesis, consumerArn, id, SubscribeToShardTest::trimHorizon).begun())
                    .toList();
            stream.merge(parents.get(0), parents.get(1));
            List<String> read = new ArrayList<>();
            Set<String> merged = new HashSet<>();
            for (Reader reader : readers) {
                SubscribeToShardEvent last = lastEvent(reader, read);
                assertEquals(1, last.childShards().size());
                ChildShard child = last.childShards().get(0);
                assertEquals(Set.copyOf(parents), Set.copyOf(child.parentShards()));
                merged.add(child.shardId());
            }
            assertEquals(List.of("between"), read);
            assertEquals(merged, Set.copyOf(stream.openShards()));

            stream.put("after");
            String last = stream.openShards().get(0);
            try (Reader reader = new Reader(kinesis, consumerArn, last, SubscribeToShardTest::trimHorizon)) {
                assertEquals(List.of("after"), reader.texts(1));
            }
        }
    }

    private static List<ChildShard> readToTheEnd(Reader reader, Runnable whatEndsIt, List<String> expected) {
        whatEndsIt.run();
        List<String> read = new ArrayList<>();
        SubscribeToShardEvent last = lastEvent(reader, read);
        assertEquals(expected, read);
        return last.childShards();
    }

    private static SubscribeToShardEvent lastEvent(Reader reader, List<String> read) {
        while (true) {
            SubscribeToShardEvent event = reader.next();
            read.addAll(NewStream.texts(event.records()));
            if (event.hasChildShards() && !event.childShards().isEmpty()) {
                assertNull(event.continuationSequenceNumber());
                reader.waitForEnd();
                return event;
            }
            assertNotNull(event.continuationSequenceNumber());
        }
    }

    @ParameterizedTest
    @MethodSource("ways")
    void a_second_subscription_within_five_seconds_is_refused(Fanout way) {
        KinesisAsyncClient kinesis = made(way);
        try (NewStream stream = stream(kinesis)) {
            String consumerArn = stream.register("reader");
            stream.put("first");
            try (Reader first = new Reader(kinesis, consumerArn, FIRST_SHARD, SubscribeToShardTest::trimHorizon)) {
                assertEquals(List.of("first"), first.texts(1));
                new Reader(kinesis, consumerArn, FIRST_SHARD, SubscribeToShardTest::trimHorizon)
                        .waitForError(ResourceInUseException.class);
                stream.put("second");
                assertEquals(List.of("second"), first.texts(1));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("ways")
    void a_subscription_ends_with_an_error_when_its_consumer_goes(Fanout way) {
        KinesisAsyncClient kinesis = made(way);
        try (NewStream stream = stream(kinesis)) {
            String consumerArn = stream.register("reader");
            Reader reader = new Reader(kinesis, consumerArn, FIRST_SHARD, SubscribeToShardTest::trimHorizon);
            reader.begun();
            kinesis.deregisterStreamConsumer(r -> r.consumerARN(consumerArn)).join();
            reader.waitForError(ResourceNotFoundException.class);
            new Reader(kinesis, consumerArn, FIRST_SHARD, SubscribeToShardTest::trimHorizon)
                    .waitForError(ResourceNotFoundException.class);
        }
    }

    @ParameterizedTest
    @MethodSource("ways")
    void thirty_shards_are_read_at_once(Fanout way) {
        KinesisAsyncClient kinesis = made(way);
        try (NewStream stream = new NewStream(Joined.of(kinesis), 30)) {
            String consumerArn = stream.register("reader");
            List<Reader> readers = stream.openShards().stream()
                    .map(id -> new Reader(kinesis, consumerArn, id, SubscribeToShardTest::trimHorizon))
                    .toList();
            readers.forEach(Reader::begun);
            PutRecordsRequestEntry[] entries = Joined.of(kinesis)
                    .listShards(r -> r.streamName(stream.name))
                    .shards()
                    .stream()
                    .map(shard -> PutRecordsRequestEntry.builder()
                            .partitionKey("key")
                            .explicitHashKey(shard.hashKeyRange().endingHashKey())
                            .data(SdkBytes.fromUtf8String(shard.shardId()))
                            .build())
                    .toArray(PutRecordsRequestEntry[]::new);
            Joined.of(kinesis).putRecords(r -> r.streamName(stream.name).records(entries));
            List<String> read = readers.stream().flatMap(reader -> reader.texts(1).stream()).toList();
            assertEquals(stream.openShards(), read);
            readers.forEach(Reader::close);
        }
    }
}
