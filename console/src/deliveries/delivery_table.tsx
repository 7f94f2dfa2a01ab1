/** Channels and delivery streams in a table: how far each is, and what it fails on. */
import * as format from "../format";
import { hashOf } from "../router";
import { Badge } from "../ui/parts";
import { Table, type Column } from "../ui/table";
import { KINDS, type Delivery } from "./deliveries";

export function DeliveryTable(props: { deliveries: Delivery[]; empty: string; withStream?: boolean }) {
  const columns = props.withStream ? COLUMNS : COLUMNS.filter((column) => column !== READS);
  return <Table label="Channels and delivery streams" rows={props.deliveries} keyOf={(each) => each.arn} columns={columns} empty={props.empty} />;
}

export function hashOfDelivery({ kind, name }: Delivery): string {
  return hashOf(["deliveries", kind, name]);
}

/** Its state, or that it delivers and fails. */
export function DeliveryState({ delivery: { state, failed_attempts } }: { delivery: Delivery }) {
  if (failed_attempts) return <Badge kind="hot">failing</Badge>;
  return <Badge kind={state === "ACTIVE" ? "good" : state === "FAILED" ? "hot" : "busy"}>{state.toLowerCase()}</Badge>;
}

/** What is wrong with it now; empty: nothing. */
export function errorOf(delivery: Delivery): string {
  return delivery.state_reason ?? delivery.last_error ?? "";
}

const READS: Column<Delivery> = {
  name: "Reads", width: "", order: (each) => each.stream ?? "",
  cell: (each) => (each.stream === null ? <span class="dim">direct puts</span> : <a href={hashOf(["streams", each.stream])}>{each.stream}</a>),
};

const COLUMNS: Column<Delivery>[] = [
  { name: "Name", width: "", order: (each) => each.name, cell: (each) => <a class="name" href={hashOfDelivery(each)}>{each.name}</a> },
  { name: "Kind", width: "", minor: true, order: (each) => each.kind, cell: (each) => KINDS[each.kind] },
  { name: "State", width: "", order: (each) => each.state, cell: (each) => <DeliveryState delivery={each} /> },
  READS,
  { name: "Delivers to", width: "", order: (each) => each.place, cell: (each) => <code class="clipped" title={each.place}>{each.place}</code> },
  counted("Records behind", (each) => each.records_behind),
  {
    name: "Oldest of them", width: "", numeric: true, minor: true, order: (each) => each.behind_ms ?? 0,
    cell: (each) => (each.behind_ms ? format.age(each.behind_ms) : "–"),
  },
  { ...counted("Delivered", (each) => each.records_delivered), minor: true },
  {
    ...counted("Dead letters", (each) => each.records_set_aside),
    cell: (each) => (each.records_set_aside ? <Badge kind="hot">{format.count(each.records_set_aside)}</Badge> : each.records_set_aside === 0 ? "0" : "–"),
  },
  {
    name: "Last delivery", width: "", minor: true, numeric: true, order: (each) => each.last_delivered_ms ?? 0,
    cell: (each) => (each.last_delivered_ms ? format.dateTime(each.last_delivered_ms).slice(0, 19) : "–"),
  },
  { name: "Error", width: "", cell: (each) => <span class="clipped" title={errorOf(each)}>{errorOf(each) || "–"}</span> },
];

function counted(name: string, of: (delivery: Delivery) => number | undefined): Column<Delivery> {
  return {
    name, width: "", numeric: true, order: (each) => of(each) ?? 0,
    cell: (each) => (of(each) === undefined ? "–" : format.count(of(each)!)),
  };
}
