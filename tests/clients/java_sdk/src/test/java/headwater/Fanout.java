package headwater;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.ProtocolNegotiation;
import software.amazon.awssdk.http.SdkHttpConfigurationOption;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.utils.AttributeMap;

/** The ways in which the asynchronous client can reach a server. */
enum Fanout {
    BY_DEFAULT(KinesisAsyncClient::create),
    HTTP_1(() -> over(NettyNioAsyncHttpClient.builder().protocol(Protocol.HTTP1_1).build())),
    HTTP_2_BY_ALPN(() -> over(NettyNioAsyncHttpClient.builder()
            .protocol(Protocol.HTTP2)
            .protocolNegotiation(ProtocolNegotiation.ALPN)
            .build())),
    HTTP_2_ASSUMED(() -> over(NettyNioAsyncHttpClient.builder()
            .protocol(Protocol.HTTP2)
            .protocolNegotiation(ProtocolNegotiation.ASSUME_PROTOCOL)
            .build())),
    TRUSTING_ANY_CERTIFICATE(() -> over(NettyNioAsyncHttpClient.builder()
            .protocol(Protocol.HTTP2)
            .buildWithDefaults(AttributeMap.builder()
                    .put(SdkHttpConfigurationOption.TRUST_ALL_CERTIFICATES, true)
                    .build())));

    private static final boolean TLS =
            System.getenv("AWS_ENDPOINT_URL_KINESIS").startsWith("https:");

    private final Supplier<KinesisAsyncClient> make;

    Fanout(Supplier<KinesisAsyncClient> make) {
        this.make = make;
    }

    KinesisAsyncClient make() {
        return make.get();
    }

    /** Those that make sense for this server: without TLS there is no ALPN and no certificate. */
    static List<Fanout> ways() {
        return Arrays.stream(values())
                .filter(way -> TLS || (way != HTTP_2_BY_ALPN && way != TRUSTING_ANY_CERTIFICATE))
                .toList();
    }

    private static KinesisAsyncClient over(SdkAsyncHttpClient http) {
        return KinesisAsyncClient.builder().httpClient(http).build();
    }
}
