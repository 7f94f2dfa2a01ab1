package headwater;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.StartingPosition;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEventStream;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/** One subscription to a shard: its events wait here until a test takes them. */
final class Reader implements AutoCloseable, Subscriber<SubscribeToShardEventStream> {
    private static final long TIMEOUT_S = 20;

    private final BlockingQueue<SubscribeToShardEvent> events = new LinkedBlockingQueue<>();
    private final CompletableFuture<Void> answered = new CompletableFuture<>();
    private final CompletableFuture<Void> ended;
    private volatile Subscription subscription;

    Reader(
            KinesisAsyncClient kinesis,
            String consumerArn,
            String shardId,
            Consumer<StartingPosition.Builder> position) {
        ended = kinesis.subscribeToShard(
                r -> r.consumerARN(consumerArn).shardId(shardId).startingPosition(position),
                SubscribeToShardResponseHandler.builder()
                        .onEventStream(publisher -> publisher.subscribe(this))
                        .build());
        ended.whenComplete((nothing, error) -> answered.complete(null));
    }

    @Override
    public void onSubscribe(Subscription begun) {
        subscription = begun;
        begun.request(1);
        answered.complete(null);
    }

    @Override
    public void onNext(SubscribeToShardEventStream event) {
        if (event instanceof SubscribeToShardEvent records) {
            events.add(records);
        }
        subscription.request(1);
    }

    @Override
    public void onError(Throwable error) {}

    @Override
    public void onComplete() {}

    @Override
    public void close() {
        if (subscription != null) {
            subscription.cancel();
        }
    }

    /** Wait until the server has answered the request, and return this. */
    Reader begun() {
        answered.orTimeout(TIMEOUT_S, TimeUnit.SECONDS).join();
        return this;
    }

    SubscribeToShardEvent next() {
        try {
            SubscribeToShardEvent event = events.poll(TIMEOUT_S, TimeUnit.SECONDS);
            assertNotNull(event, "no event came");
            return event;
        } catch (InterruptedException stopped) {
            throw new IllegalStateException(stopped);
        }
    }

    /** The texts of the next records, through as many events as it takes. */
    List<String> texts(int count) {
        List<Record> records = new ArrayList<>();
        while (records.size() < count) {
            records.addAll(next().records());
        }
        assertEquals(count, records.size());
        return NewStream.texts(records);
    }

    void waitForEnd() {
        ended.orTimeout(TIMEOUT_S, TimeUnit.SECONDS).join();
    }

    <E extends Throwable> E waitForError(Class<E> type) {
        try {
            waitForEnd();
        } catch (CompletionException error) {
            return assertInstanceOf(type, error.getCause());
        }
        throw new AssertionError("ended without an error");
    }
}
