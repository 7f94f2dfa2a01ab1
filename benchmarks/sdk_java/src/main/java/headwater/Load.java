package headwater;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequest;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEventStream;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/**
 * Java's asynchronous client as programs use it, with its defaults: HTTP/2 and CBOR. {@code sdk_clients.py} starts it:
 *
 * <pre>Load puts|get|fanout STREAM SECONDS</pre>
 *
 * It prints "begin" when it is ready, works from the next line of its input on, and prints "end COUNT SECONDS": calls,
 * or with fanout the records that were pushed.
 */
public final class Load {
    private static final int BATCHES_IN_FLIGHT = 4;
    private static final int BATCH_RECORDS = 500;
    private static final int RECORD_BYTES = 100;
    private static final int PUSHED_RECORDS_PER_S = 5000;
    private static final int PUSHED_BATCH_RECORDS = 100;

    private final KinesisAsyncClient kinesis = KinesisAsyncClient.create();
    private final String stream;
    private final AtomicLong count = new AtomicLong();

    private Load(String stream) {
        this.stream = stream;
    }

    public static void main(String[] arguments) throws Exception {
        new Load(arguments[1]).run(arguments[0], Double.parseDouble(arguments[2]));
        System.exit(0);
    }

    private void run(String what, double seconds) throws Exception {
        List<String> shards = kinesis.listShards(r -> r.streamName(stream)).get().shards().stream()
                .map(shard -> shard.shardId()).toList();
        if (what.equals("fanout")) {
            subscribe(shards);
        }
        work(what, shards, 2);
        count.set(0);
        System.out.println("begin");
        System.in.read();
        long begin = System.nanoTime();
        work(what, shards, seconds);
        System.out.printf("end %d %.3f%n", count.get(), (System.nanoTime() - begin) / 1e9);
    }

    private void work(String what, List<String> shards, double seconds) throws Exception {
        long deadline = System.nanoTime() + (long) (seconds * 1e9);
        switch (what) {
            case "puts" -> putAsFastAsPossible(deadline);
            case "get" -> getAll(shards, deadline);
            case "fanout" -> putAtRate(deadline);
            default -> throw new IllegalArgumentException(what);
        }
    }

    private PutRecordsRequest batch(int records) {
        SdkBytes data = SdkBytes.fromByteArray(new byte[RECORD_BYTES]);
        List<PutRecordsRequestEntry> entries = IntStream.range(0, records)
                .mapToObj(n -> PutRecordsRequestEntry.builder().partitionKey("key-" + n).data(data).build()).toList();
        return PutRecordsRequest.builder().streamName(stream).records(entries).build();
    }

    private void putAsFastAsPossible(long deadline) throws InterruptedException {
        PutRecordsRequest batch = batch(BATCH_RECORDS);
        Semaphore free = new Semaphore(BATCHES_IN_FLIGHT);
        while (System.nanoTime() < deadline) {
            free.acquire();
            kinesis.putRecords(batch).whenComplete((answer, error) -> {
                free.release();
                if (error != null || answer.failedRecordCount() > 0) {
                    throw new IllegalStateException("records failed", error);
                }
                count.incrementAndGet();
            });
        }
        free.acquire(BATCHES_IN_FLIGHT);
    }

    private void putAtRate(long deadline) throws InterruptedException {
        PutRecordsRequest batch = batch(PUSHED_BATCH_RECORDS);
        long begin = System.nanoTime();
        for (long turn = 0; System.nanoTime() < deadline; turn++) {
            long due = begin + turn * PUSHED_BATCH_RECORDS * 1_000_000_000L / PUSHED_RECORDS_PER_S;
            Thread.sleep(Duration.ofNanos(Math.max(0, due - System.nanoTime())).toMillis());
            kinesis.putRecords(batch);
        }
    }

    private void getAll(List<String> shards, long deadline) throws Exception {
        List<CompletableFuture<Void>> readers = new ArrayList<>();
        for (String shard : shards) {
            String start = kinesis.getShardIterator(r -> r.streamName(stream).shardId(shard)
                    .shardIteratorType(ShardIteratorType.TRIM_HORIZON)).get().shardIterator();
            readers.add(read(start, start, deadline));
        }
        CompletableFuture.allOf(readers.toArray(CompletableFuture[]::new)).get();
    }

    private CompletableFuture<Void> read(String iterator, String start, long deadline) {
        if (System.nanoTime() >= deadline) {
            return CompletableFuture.completedFuture(null);
        }
        CompletableFuture<GetRecordsResponse> page = kinesis.getRecords(r -> r.shardIterator(iterator));
        return page.thenComposeAsync(answer -> {
            count.incrementAndGet();
            // At the end of the shard again from its beginning.
            return read(answer.records().isEmpty() ? start : answer.nextShardIterator(), start, deadline);
        });
    }

    private void subscribe(List<String> shards) throws Exception {
        String arn = kinesis.describeStreamSummary(r -> r.streamName(stream)).get()
                .streamDescriptionSummary().streamARN();
        String consumer = kinesis.registerStreamConsumer(r -> r.streamARN(arn).consumerName("bench")).get()
                .consumer().consumerARN();
        while (kinesis.describeStreamConsumer(r -> r.consumerARN(consumer)).get().consumerDescription()
                .consumerStatus() != ConsumerStatus.ACTIVE) {
            Thread.sleep(20);
        }
        CountDownLatch subscribed = new CountDownLatch(shards.size());
        for (String shard : shards) {
            SubscribeToShardResponseHandler handler = SubscribeToShardResponseHandler.builder()
                    .onResponse(response -> subscribed.countDown())
                    .subscriber((SubscribeToShardEventStream event) -> {
                        if (event instanceof SubscribeToShardEvent pushed) {
                            count.addAndGet(pushed.records().size());
                        }
                    })
                    .build();
            kinesis.subscribeToShard(r -> r.consumerARN(consumer).shardId(shard)
                    .startingPosition(p -> p.type(ShardIteratorType.LATEST)), handler);
        }
        subscribed.await();
    }
}
