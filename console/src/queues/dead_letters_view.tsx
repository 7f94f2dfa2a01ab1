/** What a queue has set aside: to be looked at, restored and acknowledged, one by one or all. */
import { useEffect, useMemo, useState } from "preact/hooks";
import * as format from "../format";
import { payloadOf, previewOf, sizeOf } from "../records/payload";
import { PayloadView } from "../records/payload_view";
import { setQuery, useRoute } from "../router";
import { Badge, Button, Fact, Fault, FormDialog, useAction } from "../ui/parts";
import { useClosing } from "../ui/keys";
import { usePolled } from "../ui/polled";
import type { Column } from "../ui/table";
import { VirtualTable } from "../ui/virtual_table";
import { callsOf, lookAtDeadLetters, settleDeadLetters, type DeadLetter, type Verdict } from "./dead_letters";
import { deadLettersOf, type QueueRow } from "./queues";

const DONE: Record<Verdict, string> = { restore: "restored", acknowledge: "acknowledged" };

type Settle = (wanted: ReadonlySet<string> | "all", verdict: Verdict) => Promise<void>;

export function DeadLetters({ queue, onChange }: { queue: QueueRow; onChange: () => void }) {
  const [pages, setPages] = useState(1);
  const [isDiscarding, setDiscarding] = useState(false);
  const [said, setSaid] = useState("");
  const [run, failure, isBusy] = useAction();
  const { value, error, refresh } = usePolled(() => lookAtDeadLetters(queue.arn, pages), 0, queue.arn);
  const id = useRoute().query.get("letter");
  const count = deadLettersOf(queue);
  useEffect(() => refresh(), [refresh, pages, count, queue.counts?.dead_in_flight]);
  const letters = value?.letters ?? [];
  const opened = letters.find((letter) => letter.id === id);
  const settle: Settle = async (wanted, verdict) => {
    setSaid("");
    const done = await settleDeadLetters(queue.arn, wanted, verdict, callsOf(queue)).finally(onChange);
    refresh();
    setSaid(done ? `${format.plural(done, "dead letter")} ${DONE[verdict]}.` : "None of them: somebody else has received what there is.");
  };
  return (
    <section class={`dead-letters ${opened ? "split" : ""}`} aria-label={`Dead letters of ${queue.name}`}>
      <header class="section-head">
        <h2>Dead letters of {queue.name} <small class="dim">{format.count(count)}</small></h2>
        {said && <span role="status" class="dim">{said}</span>}
        <Button changes disabled={isBusy || !letters.length} onClick={() => run(() => settle("all", "restore"))}>Restore all</Button>
        <Button kind="danger" changes disabled={isBusy || !letters.length} onClick={() => setDiscarding(true)}>Acknowledge all…</Button>
      </header>
      <Fault error={failure ?? error} />
      <div class="panes">
        <VirtualTable
          label={`Dead letters of ${queue.name}`} count={letters.length} row={(index) => letters[index]!} keyOf={(letter) => letter.id}
          columns={COLUMNS} selected={opened?.id} onOpen={(letter) => setQuery({ queue: queue.name, letter: letter.id })}
          empty={value ? emptyText(queue) : ""}
        />
        {opened && <Opened key={opened.id} letter={opened} settle={settle} />}
      </div>
      {value && !value.isWhole && <p><Button onClick={() => setPages(pages + 1)}>Show more</Button></p>}
      {isDiscarding && (
        <FormDialog
          title={`Acknowledge all dead letters of ${queue.name}`} submit="Acknowledge" kind="danger"
          onSubmit={() => settle("all", "acknowledge")} onClose={() => setDiscarding(false)}
        >
          <p>The queue is done with them. The records stay in the stream.</p>
        </FormDialog>
      )}
    </section>
  );
}

const COLUMNS: Column<DeadLetter>[] = [
  { name: "Arrived", width: "170px", minor: true, cell: (letter) => format.dateTime(letter.arrival_ms) },
  { name: "Key", width: "minmax(70px, 140px)", cell: (letter) => letter.partition_key ?? "–" },
  { name: "Receives", width: "66px", numeric: true, cell: (letter) => format.count(letter.receives) },
  {
    name: "State", width: "76px",
    cell: (letter) => (letter.is_in_flight ? <Badge kind="busy">in flight</Badge> : <Badge>visible</Badge>),
  },
  { name: "Data", width: "minmax(120px, 1fr)", cell: (letter) => <span class="data">{previewOf(letter.data)}</span> },
];

function Opened({ letter, settle }: { letter: DeadLetter; settle: Settle }) {
  const payload = useMemo(() => payloadOf(letter.data), [letter.data]);
  const [run, error, isBusy] = useAction();
  const close = () => setQuery({ letter: undefined });
  useClosing(close);
  const settleThis = (verdict: Verdict) => run(() => settle(new Set([letter.id]), verdict));
  return (
    <aside class="detail" aria-label="Dead letter">
      <header>
        <h2>{letter.partition_key ?? "No partition key"}</h2>
        <span class="spacer" />
        <Button kind="quiet" onClick={close} title="Close (Esc)">Close</Button>
      </header>
      <dl class="facts">
        <Fact name="Arrived">{format.dateTime(letter.arrival_ms)}</Fact>
        {letter.first_receive_ms !== null && <Fact name="First received">{format.dateTime(letter.first_receive_ms)}</Fact>}
        <Fact name="Receives">{format.count(letter.receives)}</Fact>
        <Fact name="Shard"><code>{letter.shard}</code></Fact>
        <Fact name="Record id"><code class="wraps">{letter.id}</code></Fact>
        <Fact name="Size">{format.bytes(sizeOf(letter.data))}</Fact>
      </dl>
      <PayloadView payload={payload} />
      <footer class="toolbar">
        <Button changes disabled={isBusy} onClick={() => settleThis("restore")}>Restore</Button>
        <Button kind="danger" changes disabled={isBusy} onClick={() => settleThis("acknowledge")}>Acknowledge</Button>
        <Fault error={error} />
      </footer>
    </aside>
  );
}

function emptyText(queue: QueueRow): string {
  if (queue.max_receive_count === null) return "It sets no dead letters aside.";
  return `Nothing has been received ${format.plural(queue.max_receive_count, "time")} without being acknowledged.`;
}
