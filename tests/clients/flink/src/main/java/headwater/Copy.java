package headwater;

import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;

/**
 * A Flink job in a cluster inside this process: it copies a stream to another until it is stopped.
 *
 * <p>Arguments: the stream to read, the stream to write, and how to read: {@code POLLING} or {@code
 * EFO}. A record's text begins with its partition key, and a space. Where the server is is in the
 * environment.
 */
public final class Copy {
    private static final int PARALLELISM = 2;
    private static final long CHECKPOINT_MS = 1_000;
    private static final String DISCOVERY_MS = "1000";

    private Copy() {}

    public static void main(String[] arguments) throws Exception {
        StreamExecutionEnvironment flink =
                StreamExecutionEnvironment.createLocalEnvironment(PARALLELISM);
        flink.enableCheckpointing(CHECKPOINT_MS);
        flink.addSource(source(arguments[0], arguments[2]))
                .assignTimestampsAndWatermarks(WatermarkStrategy.noWatermarks())
                .sinkTo(sink(arguments[1]));
        flink.execute();
    }

    private static FlinkKinesisConsumer<String> source(String stream, String publisher) {
        Properties settings = server();
        settings.setProperty("flink.stream.initpos", "TRIM_HORIZON");
        settings.setProperty("flink.shard.discovery.intervalmillis", DISCOVERY_MS);
        settings.setProperty("flink.stream.recordpublisher", publisher);
        settings.setProperty("flink.stream.efo.consumername", stream + "-flink");
        return new FlinkKinesisConsumer<>(stream, new SimpleStringSchema(), settings);
    }

    private static KinesisStreamsSink<String> sink(String stream) {
        return KinesisStreamsSink.<String>builder()
                .setKinesisClientProperties(server())
                .setStreamName(stream)
                .setSerializationSchema(new SimpleStringSchema())
                .setPartitionKeyGenerator(text -> text.split(" ", 2)[0])
                .setFailOnError(true)
                .build();
    }

    private static Properties server() {
        Properties settings = new Properties();
        settings.setProperty("aws.endpoint", System.getenv("AWS_ENDPOINT_URL_KINESIS"));
        settings.setProperty("aws.region", System.getenv("AWS_REGION"));
        return settings;
    }
}
