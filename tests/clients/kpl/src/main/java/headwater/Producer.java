package headwater;

import com.google.common.util.concurrent.FutureCallback;
import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.MoreExecutors;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordFailedException;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * Puts user records with the Kinesis Producer Library, aggregated, and prints how it went.
 *
 * <p>Arguments: the stream, how many partition keys, how many rounds, and a folder for the library's
 * native program. A round puts one record under each key, its text the number of the round. Where
 * the server is is in the environment; the library always speaks TLS to it. After the last record
 * it waits for the end of its input: what metrics it has not published by then it drops.
 */
public final class Producer {
    private static final int IN_FLIGHT_MAX = 20_000;

    /** Long enough in all that the stream can be resharded meanwhile. */
    private static final int ROUND_MS = 25;

    /** A minute by default, which would make a test last. */
    private static final int METRICS_UPLOAD_MS = 2_000;

    /** Half a minute, and six seconds, by default, in which a busy machine may not come to it. */
    private static final int RECORD_TTL_MS = 600_000;

    private static final int ANSWER_MS = 120_000;

    private Producer() {}

    public static void main(String[] arguments) throws InterruptedException, IOException {
        String stream = arguments[0];
        int keys = Integer.parseInt(arguments[1]);
        int rounds = Integer.parseInt(arguments[2]);
        KinesisProducer producer = new KinesisProducer(configuration(arguments[3]));
        Tally tally = new Tally();
        for (int round = 0; round < rounds; round++) {
            byte[] text = Integer.toString(round).getBytes(StandardCharsets.UTF_8);
            for (int key = 0; key < keys; key++) {
                tally.inFlight.acquire();
                Futures.addCallback(
                        producer.addUserRecord(stream, "key-" + key, ByteBuffer.wrap(text)),
                        tally,
                        MoreExecutors.directExecutor());
            }
            Thread.sleep(ROUND_MS);
        }
        producer.flushSync();
        System.out.println(tally);
        System.in.transferTo(OutputStream.nullOutputStream());
        producer.destroy();
        System.exit(tally.failed.get() == 0 ? 0 : 1);
    }

    private static KinesisProducerConfiguration configuration(String folder) {
        URI endpoint = URI.create(System.getenv("AWS_ENDPOINT_URL_KINESIS"));
        URI cloudWatch = URI.create(System.getenv("AWS_ENDPOINT_URL_CLOUDWATCH"));
        return new KinesisProducerConfiguration()
                .setKinesisEndpoint(endpoint.getHost())
                .setKinesisPort(endpoint.getPort())
                .setStsEndpoint(endpoint.getHost())
                .setStsPort(endpoint.getPort())
                .setVerifyCertificate(false)
                .setRegion(System.getenv("AWS_REGION"))
                .setCredentialsProvider(DefaultCredentialsProvider.builder().build())
                .setCloudwatchEndpoint(cloudWatch.getHost())
                .setCloudwatchPort(cloudWatch.getPort())
                .setMetricsUploadDelay(METRICS_UPLOAD_MS)
                .setRecordTtl(RECORD_TTL_MS)
                .setRequestTimeout(ANSWER_MS)
                .setConnectTimeout(ANSWER_MS)
                .setTempDirectory(folder);
    }

    private static final class Tally implements FutureCallback<UserRecordResult> {
        final Semaphore inFlight = new Semaphore(IN_FLIGHT_MAX);
        final AtomicLong put = new AtomicLong();
        final AtomicLong failed = new AtomicLong();
        final AtomicLong attempts = new AtomicLong();

        @Override
        public void onSuccess(UserRecordResult result) {
            put.incrementAndGet();
            attempts.addAndGet(result.getAttempts().size());
            inFlight.release();
        }

        @Override
        public void onFailure(Throwable error) {
            if (failed.incrementAndGet() <= 10) {
                Object told = error instanceof UserRecordFailedException of
                        ? of.getResult().getAttempts()
                        : error;
                System.err.println("failed: " + told);
            }
            inFlight.release();
        }

        @Override
        public String toString() {
            return "%s put, %s failed, %s attempts".formatted(put, failed, attempts);
        }
    }
}
