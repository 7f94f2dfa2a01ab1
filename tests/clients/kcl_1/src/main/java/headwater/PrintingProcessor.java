package headwater;

import com.amazonaws.services.kinesis.clientlibrary.exceptions.InvalidStateException;
import com.amazonaws.services.kinesis.clientlibrary.exceptions.ShutdownException;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.IRecordProcessorCheckpointer;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.v2.IRecordProcessor;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.ShutdownReason;
import com.amazonaws.services.kinesis.clientlibrary.types.InitializationInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ProcessRecordsInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ShutdownInput;
import com.amazonaws.services.kinesis.model.Record;
import java.nio.charset.StandardCharsets;

/**
 * Prints what it is given, then takes a checkpoint.
 *
 * <p>A line is: milliseconds since 1970, shard, what happened, and for a record its partition key and
 * its text, all separated by tabs.
 */
final class PrintingProcessor implements IRecordProcessor {
    private String shardId;

    @Override
    public void initialize(InitializationInput input) {
        shardId = input.getShardId();
        print(line("start"));
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        StringBuilder lines = new StringBuilder();
        for (Record record : input.getRecords()) {
            String text = StandardCharsets.UTF_8.decode(record.getData()).toString();
            lines.append(line("record\t" + record.getPartitionKey() + "\t" + text));
        }
        print(lines);
        checkpoint(input.getCheckpointer());
    }

    @Override
    public void shutdown(ShutdownInput input) {
        if (input.getShutdownReason() == ShutdownReason.TERMINATE) {
            print(line("end"));
            checkpoint(input.getCheckpointer());
        } else {
            print(line("lost"));
        }
    }

    private static void checkpoint(IRecordProcessorCheckpointer checkpointer) {
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
