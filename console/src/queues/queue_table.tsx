/** Queues in a table: how each stands. Who uses it says what can be done with one. */
import * as format from "../format";
import { hashOf } from "../router";
import { Badge } from "../ui/parts";
import { Table, type Column } from "../ui/table";
import type { Counts, QueueRow } from "./queues";

export function QueueTable({ queues, empty, actions }: { queues: QueueRow[]; empty: string; actions?: Column<QueueRow> }) {
  const columns = actions ? [...COLUMNS, actions] : COLUMNS;
  return <Table label="Queues" rows={queues} keyOf={(queue) => queue.arn} columns={columns} empty={empty} />;
}

export function hashOfQueue(queue: QueueRow): string {
  return hashOf(["streams", queue.stream, "queues"], { queue: queue.name });
}

const COLUMNS: Column<QueueRow>[] = [
  {
    name: "Queue", width: "", order: (queue) => queue.name,
    cell: (queue) => <a class="name" href={hashOfQueue(queue)}>{queue.name}</a>,
  },
  {
    name: "Status", width: "", order: (queue) => queue.status,
    cell: (queue) => <Badge kind={queue.status === "ACTIVE" ? "good" : "busy"}>{queue.status.toLowerCase()}</Badge>,
  },
  counted("Visible", (counts) => counts.visible),
  counted("In flight", (counts) => counts.in_flight),
  {
    name: "Dead letters", width: "", numeric: true, order: (queue) => (queue.counts ? dead(queue.counts) : 0),
    cell: (queue) => (queue.counts && dead(queue.counts) ? <Badge kind="hot">{format.count(dead(queue.counts))}</Badge> : queue.counts ? "0" : "–"),
  },
  {
    name: "Oldest", width: "", numeric: true, order: (queue) => queue.oldest_age_ms ?? 0,
    cell: (queue) => (queue.oldest_age_ms === null ? "–" : format.age(queue.oldest_age_ms)),
  },
  {
    name: "Received", width: "", numeric: true, minor: true, order: (queue) => queue.totals?.received ?? 0,
    cell: (queue) => format.count(queue.totals?.received ?? 0),
  },
  {
    name: "Acknowledged", width: "", numeric: true, minor: true, order: (queue) => queue.totals?.acknowledged ?? 0,
    cell: (queue) => format.count(queue.totals?.acknowledged ?? 0),
  },
  {
    name: "Visibility", width: "", numeric: true, minor: true, order: (queue) => queue.visibility_timeout_s,
    cell: (queue) => format.duration(1000 * queue.visibility_timeout_s),
  },
  {
    name: "Dead after", width: "", numeric: true, minor: true, order: (queue) => queue.max_receive_count ?? Infinity,
    cell: (queue) => (queue.max_receive_count === null ? "never" : format.plural(queue.max_receive_count, "receive")),
  },
];

function counted(name: string, of: (counts: Counts) => number): Column<QueueRow> {
  return {
    name, width: "", numeric: true, order: (queue) => (queue.counts ? of(queue.counts) : 0),
    cell: (queue) => (queue.counts ? format.count(of(queue.counts)) : "–"),
  };
}

function dead(counts: Counts): number {
  return counts.dead_visible + counts.dead_in_flight;
}
