package headwater;

import java.util.function.Supplier;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;

/** The kinds of client that the SDK offers, each with its default settings. */
enum Client {
    URL_CONNECTION(() -> KinesisClient.builder().httpClient(UrlConnectionHttpClient.create()).build()),
    APACHE(() -> KinesisClient.builder().httpClient(ApacheHttpClient.create()).build()),
    ASYNCHRONOUS(() -> Joined.of(KinesisAsyncClient.create()));

    private final Supplier<KinesisClient> make;

    Client(Supplier<KinesisClient> make) {
        this.make = make;
    }

    KinesisClient make() {
        return make.get();
    }
}
