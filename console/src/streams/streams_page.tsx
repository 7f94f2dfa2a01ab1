/** All streams of an account and region, with what goes in and out of them now. */
import { useRef, useState } from "preact/hooks";
import { hashOf } from "../router";
import * as format from "../format";
import { Badge, Button, Fault, Sparkline } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { SearchHead, has, useSearch } from "../ui/search_head";
import { Table, type Column } from "../ui/table";
import { CreateStream } from "./create_stream";
import { Rates, listStreams, type StreamRow, type Totals } from "./streams";

const POLL_MS = 2000;

export function StreamsPage() {
  const search = useSearch();
  const [isCreating, setCreating] = useState(false);
  const rates = useRef(new Rates<keyof Totals>()).current;
  const { value, error } = usePolled(async () => {
    const found = await listStreams();
    for (const stream of found.streams) rates.see(stream.name, stream.totals);
    return found;
  }, POLL_MS, "streams");
  const shown = (value?.streams ?? []).filter((stream) => has(stream.name, search));
  return (
    <section>
      <SearchHead title="Streams" label="Search streams">
        <Button kind="primary" changes onClick={() => setCreating(true)}>Create a stream</Button>
      </SearchHead>
      <Fault error={error} />
      {value && (
        <Table
          label="Streams"
          rows={shown}
          columns={columns(rates, value.now_ms)}
          keyOf={(stream) => stream.name}
          empty={value.streams.length ? "No stream has such a name." : "There is no stream in this account and region yet."}
        />
      )}
      {isCreating && <CreateStream onClose={() => setCreating(false)} />}
    </section>
  );
}

function columns(rates: Rates<keyof Totals>, now_ms: number): Column<StreamRow>[] {
  const perSecond = (name: string, key: keyof StreamRow["by_minute"], shown: (value: number) => string): Column<StreamRow> => ({
    name,
    width: "",
    numeric: true,
    cell: (stream) => (
      <span class={`rate ${rates.of(stream.name, key) ? "" : "dim"}`}>
        {shown(rates.of(stream.name, key))}
        <Sparkline values={stream.by_minute[key]} label={`${name.replace(" /s", "")}, by minute: ${stream.by_minute[key].join(", ")}`} />
      </span>
    ),
    order: (stream) => rates.of(stream.name, key),
  });
  return [
    {
      name: "Name", width: "", order: (stream) => stream.name,
      cell: (stream) => <a class="name" href={hashOf(["streams", stream.name])}>{stream.name}</a>,
    },
    { name: "Status", width: "", order: (stream) => stream.status, cell: (stream) => <Status status={stream.status} /> },
    {
      name: "Mode", width: "", minor: true, order: (stream) => stream.mode,
      cell: (stream) => (stream.mode === "ON_DEMAND" ? "On demand" : "Provisioned"),
    },
    {
      name: "Shards", width: "", numeric: true, order: (stream) => stream.open_shards,
      cell: (stream) => format.count(stream.open_shards),
    },
    perSecond("Records in /s", "records_in", format.rate),
    perSecond("Bytes in /s", "bytes_in", format.bytes),
    { ...perSecond("Records out /s", "records_out", format.rate), minor: true },
    { ...perSecond("Bytes out /s", "bytes_out", format.bytes), minor: true },
    {
      name: "Records", width: "", numeric: true, order: (stream) => stream.records,
      cell: (stream) => format.count(stream.records),
    },
    {
      name: "Oldest", width: "", numeric: true, minor: true, order: (stream) => stream.oldest_ms ?? 0,
      cell: (stream) => (stream.oldest_ms === null ? "–" : format.age(now_ms - stream.oldest_ms)),
    },
    {
      name: "Consumers", width: "", numeric: true, minor: true, order: (stream) => stream.consumers,
      cell: (stream) => format.count(stream.consumers),
    },
  ];
}

export function Status({ status }: { status: string }) {
  return <Badge kind={status === "ACTIVE" ? "good" : "busy"}>{status.toLowerCase()}</Badge>;
}
