package headwater;

import org.elasticmq.rest.sqs.SQSRestServerBuilder;

/** ElasticMQ on a port of the loopback interface, until the process ends. */
public final class ElasticMq {
    private ElasticMq() {}

    public static void main(String[] arguments) {
        SQSRestServerBuilder.withInterface("127.0.0.1")
            .withPort(Integer.parseInt(arguments[0]))
            .start()
            .waitUntilStarted();
    }
}
