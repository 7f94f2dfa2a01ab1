package shop;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.junit.jupiter.Container;
import org.testcontainers.junit.jupiter.Testcontainers;
import org.testcontainers.utility.DockerImageName;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisClient;

/** A test of an application that puts orders: the server is a container that Testcontainers starts and removes. */
@Testcontainers
class OrdersTest {
  private static final int PORT = 4566;

  /** A server that keeps nothing, with the stream `orders`. */
  @Container
  private static final GenericContainer<?> HEADWATER =
      new GenericContainer<>(DockerImageName.parse("headwater"))
          .withExposedPorts(PORT)
          .withEnv("HEADWATER_DATA_DIR", "")
          .withCommand("--create-stream", "orders:4")
          .waitingFor(Wait.forHttp("/_headwater/health").forPort(PORT).forStatusCode(200));

  private static KinesisClient kinesis() {
    String endpoint = "http://" + HEADWATER.getHost() + ":" + HEADWATER.getMappedPort(PORT);
    return KinesisClient.builder()
        .endpointOverride(URI.create(endpoint))
        .region(Region.US_EAST_1)
        .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test")))
        .build();
  }

  @Test
  void anOrderIsPut() {
    try (KinesisClient kinesis = kinesis()) {
      String shard =
          kinesis
              .putRecord(put -> put.streamName("orders").partitionKey("alice").data(SdkBytes.fromUtf8String("3 apples")))
              .shardId();
      assertTrue(shard.startsWith("shardId-"));
    }
  }
}
