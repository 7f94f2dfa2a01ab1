/** The queues of a stream, and the dead letters of the one that is looked at. */
import { useState } from "preact/hooks";
import { hashOf, useRoute } from "../router";
import type { Summary } from "../streams/stream_page";
import { Button, Fault } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { DeadLetters } from "./dead_letters_view";
import { CreateQueue, DeleteQueue, UpdateQueue } from "./queue_dialogs";
import { QueueTable } from "./queue_table";
import { listQueues, type QueueRow } from "./queues";

const POLL_MS = 1000;
const NO_QUEUE = {
  ON_DEMAND: "The stream has no queue.",
  PROVISIONED: "Queues need a stream in on-demand mode, which is chosen in its settings.",
};

type Asked = "create" | { update: QueueRow } | { remove: QueueRow };

export function QueuesView({ stream }: { stream: Summary }) {
  const [asked, setAsked] = useState<Asked>();
  const { value: queues, error, refresh } = usePolled(() => listQueues(stream.StreamName), POLL_MS, stream.StreamName);
  const name = useRoute().query.get("queue");
  if (!queues) return <Fault error={error} />;
  const mode = stream.StreamModeDetails.StreamMode;
  const looked = queues.find((queue) => queue.name === name) ?? (name === null ? queues[0] : undefined);
  const close = () => {
    setAsked(undefined);
    refresh();
  };
  return (
    <div class="queues">
      <Fault error={error} />
      <header class="section-head">
        <h2>Queues</h2>
        {mode === "ON_DEMAND" && <Button changes onClick={() => setAsked("create")}>Create a queue</Button>}
      </header>
      <QueueTable
        queues={queues} empty={NO_QUEUE[mode]}
        actions={{
          name: "", width: "", cell: (queue) => (
            <span class="row">
              <a href={hashOf(["streams", stream.StreamName, "charts"], { queue: queue.name })}>Charts</a>
              <Button kind="quiet" changes onClick={() => setAsked({ update: queue })}>Change…</Button>
              <Button kind="quiet" changes onClick={() => setAsked({ remove: queue })}>Delete…</Button>
            </span>
          ),
        }}
      />
      {name !== null && !looked && <p class="warn">There is no queue {name}.</p>}
      {looked && <DeadLetters key={looked.arn} queue={looked} onChange={refresh} />}
      {asked === "create" && <CreateQueue streamArn={stream.StreamARN} onClose={close} />}
      {typeof asked === "object" && "update" in asked && <UpdateQueue queue={asked.update} onClose={close} />}
      {typeof asked === "object" && "remove" in asked && <DeleteQueue queue={asked.remove} onClose={close} />}
    </div>
  );
}
