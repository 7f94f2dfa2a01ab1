package headwater;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.SdkHttpHeaders;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;

/** The SDK asks for CBOR unless `aws.cborEnabled` is false, and is answered in kind. */
class FormatTest {
    private static final class ContentTypes implements ExecutionInterceptor {
        final List<String> seen = new CopyOnWriteArrayList<>();

        @Override
        public void beforeTransmission(Context.BeforeTransmission context, ExecutionAttributes attributes) {
            add(context.httpRequest());
        }

        @Override
        public void afterTransmission(Context.AfterTransmission context, ExecutionAttributes attributes) {
            add(context.httpResponse());
        }

        private void add(SdkHttpHeaders headers) {
            seen.add(headers.firstMatchingHeader("Content-Type").orElse(""));
        }
    }

    @Test
    void the_format_of_the_answer_is_that_of_the_request() {
        boolean cbor = Boolean.parseBoolean(System.getProperty("aws.cborEnabled", "true"));
        String expected = cbor ? "application/x-amz-cbor-1.1" : "application/x-amz-json-1.1";
        ContentTypes contentTypes = new ContentTypes();
        try (KinesisAsyncClient kinesis = KinesisAsyncClient.builder()
                .overrideConfiguration(c -> c.addExecutionInterceptor(contentTypes))
                .build()) {
            Joined.of(kinesis).listStreams();
        }
        assertEquals(List.of(expected, expected), contentTypes.seen);
    }
}
