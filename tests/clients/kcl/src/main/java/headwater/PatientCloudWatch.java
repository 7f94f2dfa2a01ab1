package headwater;

import java.util.concurrent.CompletableFuture;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.cloudwatch.model.PutMetricDataRequest;
import software.amazon.awssdk.services.cloudwatch.model.PutMetricDataResponse;

/**
 * CloudWatch, whose answer has come when a call returns.
 *
 * <p>The library gives each answer five seconds, and drops what it wanted to publish. A busy machine may take
 * longer to run anything at all.
 */
record PatientCloudWatch(CloudWatchAsyncClient asked) implements CloudWatchAsyncClient {
    @Override
    public CompletableFuture<PutMetricDataResponse> putMetricData(PutMetricDataRequest request) {
        CompletableFuture<PutMetricDataResponse> answer = asked.putMetricData(request);
        answer.handle((response, error) -> null).join();
        return answer;
    }

    @Override
    public String serviceName() {
        return asked.serviceName();
    }

    @Override
    public void close() {
        asked.close();
    }
}
