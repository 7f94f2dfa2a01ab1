/** The requests that reach the server, as they come: each with its answer and how long it took. */
import { useEffect, useRef, useState } from "preact/hooks";
import { lines } from "../api/server";
import * as format from "../format";
import { setQuery, useRoute } from "../router";
import { JsonTree } from "../records/json_tree";
import { useKey } from "../ui/keys";
import { Badge, Button, Check, Choice, CopyButton, Fact, Fault } from "../ui/parts";
import { SearchHead, has, useSearch } from "../ui/search_head";
import type { Column } from "../ui/table";
import { VirtualTable } from "../ui/virtual_table";
import { asBoto3, asCli, isFailed, nameOf, resourceOf, type Call } from "./calls";

const CALLS_MAX = 5_000;

export function RequestsPage() {
  const { query } = useRoute();
  const search = useSearch();
  const outcome = query.get("outcome") ?? "";
  const withConsole = query.get("console") === "yes";
  const { calls, isListening, dropped, error, clear } = useCalls();
  const [held, setHeld] = useState<Call[]>();
  const [opened, setOpened] = useState<Call>();
  const isPaused = held !== undefined;
  const shown = (held ?? calls).filter((call) => (withConsole || !call.of_console)
    && (outcome === "" || isFailed(call) === (outcome === "failed"))
    && matches(call, search));
  const turn = () => setHeld(isPaused ? undefined : [...calls]);
  useKey(" ", turn);
  return (
    <section class={`requests ${opened ? "split" : ""}`}>
      <SearchHead title="Requests" label="Search requests" placeholder="Operation, error or text">
        <Choice label="Outcome" value={outcome} options={[["", "All"], ["failed", "Failed"], ["ok", "Successful"]]} onChange={(chosen) => setQuery({ outcome: chosen })} />
        <Check checked={withConsole} onChange={(checked) => setQuery({ console: checked ? "yes" : undefined })}>The console's too</Check>
      </SearchHead>
      <Fault error={error} />
      <div class="status">
        <span class={`dot ${isPaused ? "" : isListening ? "live" : ""}`} />
        <span role="status">{isPaused ? "paused" : isListening ? "live" : "not listening"}</span>
        <span class="tabular">{format.plural(shown.length, "request")}</span>
        {dropped > 0 && <span class="warn">{format.plural(dropped, "request")} skipped: they came too fast</span>}
        <span class="spacer" />
        <Button kind="quiet" onClick={turn} pressed={isPaused}>{isPaused ? "Go on" : "Pause"}</Button>
        <Button kind="quiet" onClick={() => { clear(); setHeld(undefined); setOpened(undefined); }}>Clear</Button>
      </div>
      <div class="panes">
        <VirtualTable
          label="Requests"
          count={shown.length}
          row={(index) => shown[shown.length - 1 - index]!}
          keyOf={(call) => String(call.number)}
          columns={COLUMNS}
          selected={opened && String(opened.number)}
          onOpen={(call) => { setOpened(call); setHeld((before) => before ?? [...calls]); }}
          empty="Requests appear here from now on."
        />
        {opened && <CallDetail call={opened} onClose={() => setOpened(undefined)} />}
      </div>
    </section>
  );
}

const COLUMNS: Column<Call>[] = [
  { name: "Time", width: "7.5rem", cell: (call) => format.time(call.time_ms) },
  { name: "Request", width: "minmax(10rem, 1fr)", cell: (call) => <span class="data">{nameOf(call)}</span> },
  { name: "Of", width: "minmax(5rem, 14rem)", minor: true, cell: resourceOf },
  { name: "Status", width: "4.5rem", numeric: true, cell: (call) => <Badge kind={isFailed(call) ? "hot" : "good"}>{call.status ?? "cut"}</Badge> },
  { name: "Error", width: "minmax(4rem, 16rem)", minor: true, cell: (call) => call.error ?? "" },
  { name: "Took", width: "6rem", numeric: true, cell: (call) => `${call.duration_ms.toFixed(1)} ms` },
  { name: "Asked", width: "5.5rem", numeric: true, minor: true, cell: (call) => format.bytes(call.asked_bytes) },
  { name: "Answer", width: "5.5rem", numeric: true, minor: true, cell: (call) => (typeof call.answer_bytes === "number" ? format.bytes(call.answer_bytes) : "…") },
];

function matches(call: Call, search: string): boolean {
  if (!search) return true;
  return [nameOf(call), call.error ?? "", call.asked ?? "", call.answer ?? "", call.request_id ?? ""]
    .some((text) => has(text, search));
}

function useCalls() {
  const calls = useRef<Call[]>([]);
  const dropped = useRef(0);
  const [isListening, setListening] = useState(false);
  const [error, setError] = useState<Error>();
  const [, redraw] = useState(0);
  useEffect(() => {
    const stopper = new AbortController();
    let number = 0;
    lines("requests", (found) => {
      for (const line of found as (Call & { listening?: boolean; dropped?: number })[]) {
        if (line.listening) setListening(true);
        else if (line.dropped) dropped.current += line.dropped;
        else calls.current.push({ ...line, number: ++number });
      }
      if (calls.current.length > CALLS_MAX) calls.current = calls.current.slice(-CALLS_MAX * 0.9);
      redraw((turn) => turn + 1);
    }, stopper.signal).catch((failure: Error) => {
      if (failure.name !== "AbortError") setError(failure);
    }).finally(() => setListening(false));
    return () => stopper.abort();
  }, []);
  const clear = () => {
    calls.current = [];
    dropped.current = 0;
    redraw((turn) => turn + 1);
  };
  return { calls: calls.current, isListening, dropped: dropped.current, error, clear };
}

function CallDetail({ call, onClose }: { call: Call; onClose: () => void }) {
  return (
    <aside class="detail" aria-label="Request">
      <header>
        <h2>{nameOf(call)}</h2>
        <span class="spacer" />
        <Button kind="quiet" onClick={onClose}>Close</Button>
      </header>
      <dl class="facts">
        <Fact name="When">{format.dateTime(call.time_ms)}, {call.duration_ms} ms</Fact>
        <Fact name="Status">{call.status ?? "cut off"} {call.error}</Fact>
        <Fact name="Request id"><code class="wraps">{call.request_id ?? "–"}</code></Fact>
      </dl>
      <div class="toolbar">
        <CopyButton text={() => asCli(call, location.origin)}>Copy as AWS CLI</CopyButton>
        <CopyButton text={() => asBoto3(call, location.origin)}>Copy as boto3</CopyButton>
      </div>
      <div class="payload" tabIndex={0} role="region" aria-label="Request and answer">
        <h3>Asked <small class="dim">{format.bytes(call.asked_bytes)}</small></h3>
        <Body text={call.asked} bytes={call.asked_bytes} />
        <h3>Answer <small class="dim">{typeof call.answer_bytes === "number" ? format.bytes(call.answer_bytes) : "goes on"}</small></h3>
        <Body text={call.answer ?? null} bytes={call.answer_bytes ?? 0} />
      </div>
    </aside>
  );
}

function Body({ text, bytes }: { text: string | null; bytes: number }) {
  if (!bytes) return <p class="dim">nothing</p>;
  if (text === null) return <p class="dim">no text</p>;
  try {
    return <JsonTree value={JSON.parse(text)} />;
  } catch {
    return <pre>{text}</pre>;
  }
}
