/** The records of a stream: from somewhere on, live or not, searched, opened, put and exported. */
import { useEffect, useRef, useState } from "preact/hooks";
import { session } from "../api/session";
import * as format from "../format";
import { setQuery, useRoute } from "../router";
import type { Summary } from "../streams/stream_page";
import { useKey } from "../ui/keys";
import { Button, Check, Choice, Fault, Text } from "../ui/parts";
import { usePolled } from "../ui/polled";
import type { Column } from "../ui/table";
import { VirtualTable } from "../ui/virtual_table";
import { kinesis } from "../api/server";
import { ExportMenu } from "./export_menu";
import { previewOf } from "./payload";
import { PutRecord, type Draft } from "./put_record";
import { readingOf, viewOf, LAST, type View } from "./query";
import { Reading } from "./reading";
import { RecordDetail } from "./record_detail";
import { idOf, type Row } from "./record_buffer";
import { matcher } from "./search";

const FROM = [
  ["last", "Last of each shard"], ["oldest", "Oldest"], ["newest", "Newest"], ["time", "Time"],
  ["sequence_number", "Sequence number"],
] as const;

export function RecordsView({ stream }: { stream: Summary }) {
  const { query } = useRoute();
  const view = viewOf(query);
  const [, redraw] = useState(0);
  const [held, setHeld] = useState<Row[]>();
  const [opened, setOpened] = useState<Row>();
  const [draft, setDraft] = useState<Draft>();
  const { reading, fault } = useReading(stream.StreamName, view, () => redraw((turn) => turn + 1), () => setHeld(undefined));
  const isPaused = held !== undefined;
  const rows = held ?? reading?.buffer.rows ?? [];
  const pause = () => setHeld((before) => before ?? [...(reading?.buffer.rows ?? [])]);
  const sought = query.get("record");
  const found = useRef<Row | undefined>(undefined);
  if (sought && (!opened || idOf(opened) !== sought) && found.current === undefined) {
    found.current = rows.find((each) => idOf(each) === sought);
    if (found.current) setOpened(found.current);
  }
  const open = (chosen: Row | undefined) => {
    found.current = chosen;
    setOpened(chosen);
    setQuery({ record: chosen && idOf(chosen) });
    // Whoever reads a record does not want the others to move.
    if (chosen && reading?.phase === "live") pause();
  };
  const row = (index: number) => rows[view.order === "newest" ? rows.length - 1 - index : index]!;
  useKey(" ", () => setHeld(isPaused ? undefined : [...rows]));
  useKey("p", () => session().about.is_read_only || setDraft({ key: "", data: "", isBase64: false }));
  return (
    <div class={`records ${opened ? "split" : ""}`}>
      <Toolbar view={view} stream={stream.StreamName} onPut={() => setDraft({ key: "", data: "", isBase64: false })} />
      <Filters view={view}>
        <ExportMenu stream={stream.StreamName} view={view} rows={() => rows} />
      </Filters>
      <Fault error={fault ?? reading?.error} />
      <Progress reading={reading} shown={rows.length} isPaused={isPaused} onPause={() => setHeld(isPaused ? undefined : [...rows])} />
      <div class="panes">
        <VirtualTable
          label="Records"
          count={rows.length}
          row={row}
          keyOf={idOf}
          columns={COLUMNS}
          selected={opened && idOf(opened)}
          onOpen={open}
          onScroll={(top) => top > 60 && view.order === "newest" && reading?.phase === "live" && pause()}
          empty={emptyText(reading, view)}
        />
        {opened && (
          <RecordDetail
            row={opened}
            onClose={() => open(undefined)}
            onPut={setDraft}
            stream={stream.StreamName}
          />
        )}
      </div>
      {draft && <PutRecord stream={stream.StreamName} draft={draft} onClose={() => setDraft(undefined)} />}
    </div>
  );
}

const COLUMNS: Column<Row>[] = [
  { name: "Arrived", width: "7.5rem", cell: (row) => <time title={format.dateTime(row.arrived_ms)}>{format.time(row.arrived_ms)}</time> },
  { name: "Shard", width: "3.5rem", numeric: true, minor: true, cell: (row) => format.shortShard(row.shard) },
  { name: "Key", width: "minmax(6rem, 12rem)", cell: (row) => row.key },
  { name: "Data", width: "minmax(8rem, 1fr)", cell: (row) => <span class="data">{previewOf(row.data)}</span> },
  { name: "Size", width: "5.5rem", numeric: true, minor: true, cell: (row) => format.bytes(row.size) },
  {
    name: "Sequence number", width: "9rem", minor: true, numeric: true,
    cell: (row) => <span title={row.sequence}>…{row.sequence.slice(-12)}{row.part >= 0 ? ` #${row.part}` : ""}</span>,
  },
];

/** The reading of a view, made anew when the view becomes another. */
function useReading(stream: string, view: View, onChange: () => void, onNew: () => void) {
  const asked = readingOf(view);
  const [reading, setReading] = useState<Reading>();
  const [fault, setFault] = useState<Error>();
  const changed = useRef(onChange);
  changed.current = onChange;
  useEffect(() => {
    let made: Reading | undefined;
    // While one types, a reading for each letter would be for nothing.
    const timer = setTimeout(() => {
      try {
        made = new Reading(stream, view.start, view.isLive, matcher(view.wanted), () => changed.current());
        setFault(undefined);
      } catch (error) {
        setFault(error as Error);
        return;
      }
      setReading(made);
      onNew();
      made.begin();
    }, reading ? 250 : 0);
    return () => {
      clearTimeout(timer);
      made?.stop();
    };
  }, [stream, asked]);
  return { reading, fault };
}

function Toolbar({ view, stream, onPut }: { view: View; stream: string; onPut: () => void }) {
  const { start } = view;
  const from = (chosen: View["start"]["from"]) =>
    setQuery({ from: chosen, at: chosen === "last" ? LAST : chosen === "time" ? String(Date.now() - 600_000) : "" });
  return (
    <div class="toolbar">
      <ShardChoice stream={stream} value={start.shard} />
      <Choice label="Read from" value={start.from} options={FROM} onChange={from} />
      {start.from === "last" && (
        <Text class="short" label="How many of each shard" inputMode="numeric" value={start.at} onInput={(at) => setQuery({ at: at.replace(/\D/g, "") })} />
      )}
      {start.from === "time" && (
        <Text
          label="From this time" type="datetime-local" value={format.localInput(Number(start.at) || Date.now())}
          onInput={(text) => setQuery({ at: String(new Date(text).getTime()) })}
        />
      )}
      {start.from === "sequence_number" && (
        <Text label="Sequence number" placeholder="of the chosen shard" value={start.at} onInput={(at) => setQuery({ at: at.trim() })} />
      )}
      <Check checked={view.isLive} onChange={(isLive) => setQuery({ live: isLive ? undefined : "no" })}>Live</Check>
      <Choice
        label="Order" value={view.order} options={[["newest", "Newest on top"], ["oldest", "Oldest on top"]]}
        onChange={(order) => setQuery({ order: order === "oldest" ? order : undefined })}
      />
      <span class="spacer" />
      <Button kind="primary" changes onClick={onPut}>Put a record</Button>
    </div>
  );
}

function ShardChoice({ stream, value }: { stream: string; value: string }) {
  const { value: shards } = usePolled(async () => {
    const found: string[] = [];
    let token: string | undefined;
    do {
      const page: { Shards: { ShardId: string }[]; NextToken?: string } = await kinesis(
        "ListShards", token ? { NextToken: token } : { StreamName: stream },
      );
      found.push(...page.Shards.map((shard) => shard.ShardId));
      token = page.NextToken;
    } while (token);
    return found;
  }, 0, stream);
  const listed = shards ?? (value ? [value] : []);
  return (
    <Choice
      label="Shard" value={value}
      options={[["", "All shards"], ...listed.map((id) => [id, `Shard ${format.shortShard(id)}`] as const)]}
      onChange={(shard) => setQuery({ shard })}
    />
  );
}

function Filters({ view, children }: { view: View; children: preact.ComponentChildren }) {
  return (
    <div class="toolbar">
      <Text class="search" type="search" label="Search in the data" placeholder="Text in the data  /" value={view.wanted.text} onInput={(text) => setQuery({ text })} />
      <Text label="Search the partition key" placeholder="Partition key" value={view.wanted.key} onInput={(key) => setQuery({ key })} />
      <Text class="path" label="Path into JSON" placeholder="$.order.total > 100" value={view.wanted.path} onInput={(path) => setQuery({ path })} />
      <span class="spacer" />
      {children}
    </div>
  );
}

function Progress(props: { reading: Reading | undefined; shown: number; isPaused: boolean; onPause: () => void }) {
  const { reading, isPaused } = props;
  const [, redraw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => redraw((turn) => turn + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  if (!reading) return <div class="status" />;
  const waiting = isPaused ? reading.buffer.rows.length + reading.buffer.let_go - props.shown : 0;
  return (
    <div class="status">
      <span class={`dot ${isPaused ? "" : reading.phase}`} />
      <span role="status">{isPaused ? "paused" : PHASES[reading.phase]}</span>
      <span class="tabular">{format.plural(props.shown, "row")} of {format.count(reading.read)} read</span>
      {reading.phase === "live" && <span class="tabular">{format.rate(reading.rate())} /s</span>}
      {waiting > 0 && <span class="tabular">{format.count(waiting)} more since the pause</span>}
      {reading.buffer.let_go > 0 && <span class="warn">{format.plural(reading.buffer.let_go, "older row")} let go</span>}
      {reading.skipped > 0 && <span class="warn">{format.plural(reading.skipped, "record")} skipped: retention took them first</span>}
      <span class="spacer" />
      <span class="row">
        {reading.phase === "live" && <Button kind="quiet" onClick={props.onPause} pressed={isPaused}>{isPaused ? "Go on" : "Pause"}</Button>}
        {(reading.phase === "live" || reading.phase === "reading") && <Button kind="quiet" onClick={() => reading.stop()}>Stop</Button>}
      </span>
    </div>
  );
}

const PHASES = { reading: "reading", live: "live", done: "all read", stopped: "stopped" };

function emptyText(reading: Reading | undefined, view: View): string {
  if (!reading || reading.phase === "reading") return "Reading…";
  const { text, key, path } = view.wanted;
  if (text || key || path) return `None of ${format.plural(reading.read, "record")} matches.`;
  return reading.phase === "live" ? "Nothing yet. Records appear here as they arrive." : "There are no records from there on.";
}
