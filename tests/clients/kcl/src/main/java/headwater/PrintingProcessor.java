package headwater;

import java.nio.charset.StandardCharsets;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/**
 * Prints what it is given, then takes a checkpoint.
 *
 * <p>A line is: milliseconds since 1970, shard, what happened, and for a record its partition key and
 * its text, all separated by tabs.
 */
final class PrintingProcessor implements ShardRecordProcessor {
    private String shardId;

    @Override
    public void initialize(InitializationInput input) {
        shardId = input.shardId();
        print(line("start"));
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        StringBuilder lines = new StringBuilder();
        for (KinesisClientRecord record : input.records()) {
            String text = StandardCharsets.UTF_8.decode(record.data()).toString();
            lines.append(line("record\t" + record.partitionKey() + "\t" + text));
        }
        print(lines);
        checkpoint(input.checkpointer());
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
        print(line("lost"));
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
        print(line("end"));
        checkpoint(input.checkpointer());
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
        checkpoint(input.checkpointer());
    }

    private static void checkpoint(RecordProcessorCheckpointer checkpointer) {
        try {
            checkpointer.checkpoint();
        } catch (ShutdownException lost) {
            // Another worker has the lease now, and begins at the last checkpoint.
        } catch (InvalidStateException broken) {
            throw new IllegalStateException(broken);
        }
    }

    private String line(String what) {
        return System.currentTimeMillis() + "\t" + shardId + "\t" + what + "\n";
    }

    private static void print(CharSequence lines) {
        synchronized (System.out) {
            System.out.print(lines);
            System.out.flush();
        }
    }
}
