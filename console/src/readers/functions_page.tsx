/** All functions that streams are mapped to, and the log of one. */
import { useEffect, useRef, useState } from "preact/hooks";
import { CallError, lambda, route } from "../api/server";
import * as format from "../format";
import { hashOf, setQuery, useRoute } from "../router";
import { Fault, Text } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { Table } from "../ui/table";
import { listMappings, mappingColumns } from "./mappings";

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

interface Line {
  time_ms: number;
  text: string;
}

const LINES_MAX = 5_000;

function FunctionLog({ name }: { name: string }) {
  const search = useRoute().query.get("search") ?? "";
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
  const shown = lines.filter((line) => line.text.toLowerCase().includes(search.toLowerCase()));
  return (
    <section class="log-page">
      <header class="page-head">
        <h1><a class="up" href={hashOf(["functions"])}>Functions</a> {name}</h1>
        <Text class="search" type="search" label="Search the log" placeholder="Search the log  /" value={search} onInput={(text) => setQuery({ search: text })} />
      </header>
      <Fault error={error instanceof CallError ? error : undefined} />
      <div class="log" role="log" aria-label={`Log of ${name}`} tabIndex={0}>
        {shown.map((line, at) => <div key={at}><time>{format.time(line.time_ms)}</time> {line.text}</div>)}
        {!shown.length && <p class="empty">Nothing was written{search ? " with that text" : ""} yet.</p>}
        <div ref={end} />
      </div>
    </section>
  );
}
