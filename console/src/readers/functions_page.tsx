/** All functions that streams are mapped to, and the log of one. */
import { useEffect, useRef, useState } from "preact/hooks";
import { CallError, lambda, route } from "../api/server";
import * as format from "../format";
import { hashOf, useRoute } from "../router";
import { Fault } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { SearchHead, has, useSearch } from "../ui/search_head";
import { Table, type Column } from "../ui/table";
import { functionOf, listMappings, mappingColumns, type GivenUp } from "./mappings";

interface FunctionConfiguration {
  FunctionName: string;
  Runtime?: string;
  Handler?: string;
  Timeout: number;
  MemorySize: number;
  LastModified: string;
}

const POLL_MS = 2000;

export function FunctionsPage() {
  const name = useRoute().path[1];
  return name ? <FunctionLog name={name} /> : <AllFunctions />;
}

function AllFunctions() {
  const { value, error, refresh } = usePolled(async () => {
    const [functions, mappings] = await Promise.all([
      lambda<{ Functions: FunctionConfiguration[] }>("GET", "functions/"), listMappings(),
    ]);
    return { functions: functions.Functions, mappings };
  }, POLL_MS, "functions");
  return (
    <section>
      <header class="page-head"><h1>Functions</h1></header>
      <Fault error={error} />
      {value && (
        <>
          <h2>What streams are mapped to</h2>
          <Table label="Mappings" rows={value.mappings} keyOf={(mapping) => mapping.UUID} columns={mappingColumns(refresh)} empty="No stream is mapped to a function." />
          <h2>Functions</h2>
          <Table
            label="Functions" rows={value.functions} keyOf={(each) => each.FunctionName} empty="There is no function in this account and region."
            columns={[
              { name: "Name", width: "", order: (each) => each.FunctionName, cell: (each) => <a class="name" href={hashOf(["functions", each.FunctionName])}>{each.FunctionName}</a> },
              { name: "Runtime", width: "", cell: (each) => each.Runtime ?? "–" },
              { name: "Handler", width: "", minor: true, cell: (each) => <code>{each.Handler ?? "–"}</code> },
              { name: "Timeout", width: "", numeric: true, minor: true, cell: (each) => `${each.Timeout} s` },
              { name: "Changed", width: "", numeric: true, cell: (each) => format.dateTime(Date.parse(each.LastModified)).slice(0, 19) },
            ]}
          />
        </>
      )}
    </section>
  );
}

/** How the function's mappings stand, and what they have given up. */
function MappingsOf({ name }: { name: string }) {
  const { value, refresh } = usePolled(
    async () => (await listMappings()).filter((each) => functionOf(each.FunctionArn).split(":")[0] === name), POLL_MS, name,
  );
  const given = (value ?? []).flatMap((mapping) => (mapping.progress?.given_up ?? []).map((each) => ({ ...each, stream: streamOf(mapping.EventSourceArn) })));
  if (!value?.length) return null;
  return (
    <>
      <Table label="Mappings" rows={value} keyOf={(mapping) => mapping.UUID} columns={mappingColumns(refresh)} empty="" />
      {given.length > 0 && (
        <>
          <h2>Given up <small class="dim">the last {format.plural(given.length, "time")}</small></h2>
          <Table label="Given up" rows={given.reverse()} keyOf={(each) => `${each.stream} ${each.shard_id} ${each.first_sequence_number}`} columns={GIVEN_UP} empty="" />
        </>
      )}
    </>
  );
}

type GivenUpOfStream = GivenUp & { stream: string };

const GIVEN_UP: Column<GivenUpOfStream>[] = [
  { name: "Time", width: "", cell: (each) => format.dateTime(each.time_ms).slice(0, 19) },
  { name: "Records", width: "", numeric: true, cell: (each) => <a href={hashOf(["streams", each.stream, "records"], atRecords(each))}>{format.plural(each.records, "record")}</a> },
  { name: "Shard", width: "", minor: true, cell: (each) => <code>{each.shard_id}</code> },
  { name: "Why", width: "", cell: (each) => `${REASONS[each.condition] ?? each.condition}, after ${format.plural(each.invocations, "invocation")}` },
  { name: "Error", width: "", cell: (each) => <span class="clipped" title={each.error}>{each.error || "–"}</span> },
  { name: "Told to", width: "", minor: true, cell: (each) => each.told_to.split(":").slice(5).join(":") || "nobody" },
];

const REASONS: Record<string, string> = { RetryAttemptsExhausted: "attempts used up", RecordAgeExceeded: "too old" };

/** The records themselves, from the first that was given up on. */
function atRecords(each: GivenUp): Record<string, string> {
  return { shard: each.shard_id, from: "sequence_number", at: each.first_sequence_number, live: "no", order: "oldest" };
}

function streamOf(arn: string): string {
  return /:stream\/([^/]+)/.exec(arn)?.[1] ?? "";
}

interface Line {
  time_ms: number;
  text: string;
}

const LINES_MAX = 5_000;

function FunctionLog({ name }: { name: string }) {
  const search = useSearch();
  const after = useRef(0);
  const [lines, setLines] = useState<Line[]>([]);
  const end = useRef<HTMLDivElement>(null);
  const { error } = usePolled(async () => {
    const said = await route<{ lines: Line[]; after: number }>("GET", `lambda/logs?${new URLSearchParams({ name, after: String(after.current) })}`);
    after.current = said.after;
    if (said.lines.length) setLines((before) => [...before, ...said.lines].slice(-LINES_MAX));
    return said.after;
  }, 1000, name);
  useEffect(() => end.current?.scrollIntoView({ block: "nearest" }), [lines]);
  const shown = lines.filter((line) => has(line.text, search));
  return (
    <section class="log-page">
      <SearchHead title={<><a class="up" href={hashOf(["functions"])}>Functions</a> {name}</>} label="Search the log" />
      <Fault error={error instanceof CallError ? error : undefined} />
      <MappingsOf name={name} />
      <h2>Log</h2>
      <div class="log" role="log" aria-label={`Log of ${name}`} tabIndex={0}>
        {shown.map((line, at) => <div key={at}><time>{format.time(line.time_ms)}</time> {line.text}</div>)}
        {!shown.length && <p class="empty">Nothing was written{search ? " with that text" : ""} yet.</p>}
        <div ref={end} />
      </div>
    </section>
  );
}
