/** Charts of a stream, one of its shards, consumers or queues over the last hours; drag over one to look closer in all. */
import { useEffect, useRef, useState } from "preact/hooks";
import { kinesis, route } from "../api/server";
import * as format from "../format";
import { listQueues, type QueueRow } from "../queues/queues";
import { setQuery, useRoute } from "../router";
import type { Summary } from "../streams/stream_page";
import { Button, Choice, Fault, useAction } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { listShards } from "../shards/shards";
import { aligned, datapoints, MINUTE_MS, subjectOf, type Chart, type Series, type Subject } from "./metrics";
import type { Plot } from "./plot";

const SPANS = [["15", "15 minutes"], ["60", "1 hour"], ["180", "3 hours"]] as const;
const POLL_MS = 10_000;

type Zoom = [number, number] | null;

export function ChartsView({ stream, refresh }: { stream: Summary; refresh: () => void }) {
  const { query } = useRoute();
  const span = query.get("span") ?? "60";
  const shard = query.get("shard") ?? "";
  const name = query.get("queue");
  const [zoom, setZoom] = useState<Zoom>(null);
  const consumer = query.get("consumer") ?? "";
  const { value: queues, error } = usePolled(() => listQueues(stream.StreamName), POLL_MS, stream.StreamName);
  const queue = queues?.find((each) => each.name === name);
  const subject = subjectOf(stream.StreamName, shard, consumer, queue);
  return (
    <div class="charts">
      <div class="toolbar">
        <Choice label="Over" value={span} options={SPANS} onChange={(chosen) => { setZoom(null); setQuery({ span: chosen }); }} />
        <OfWhat stream={stream} shown={queue ? `queue ${queue.name}` : consumer ? `consumer ${consumer}` : shard && `shard ${shard}`} queues={queues ?? []} />
        {!queue && !consumer && <MonitorShards stream={stream} refresh={refresh} />}
        <span class="spacer" />
        {zoom ? <Button onClick={() => setZoom(null)}>Show all</Button> : <small class="dim minor">Drag over a chart to look closer.</small>}
      </div>
      <Fault error={error} />
      {name !== null && queues && !queue && <p class="warn">There is no queue {name}.</p>}
      {(name === null || queue) && (
        <Charts key={JSON.stringify(subject.dimensions)} subject={subject} span_ms={Number(span) * MINUTE_MS} zoom={zoom} onZoom={setZoom} />
      )}
    </div>
  );
}

function Charts({ subject, span_ms, zoom, onZoom }: { subject: Subject; span_ms: number; zoom: Zoom; onZoom: (zoom: Zoom) => void }) {
  const { charts, dimensions } = subject;
  const { value, error } = usePolled(async () => {
    const { now_ms } = await route<{ now_ms: number }>("GET", "clock");
    const start_ms = now_ms - span_ms;
    const found = await Promise.all(charts.map((chart) => datapoints(chart, dimensions, start_ms, now_ms + MINUTE_MS)));
    return charts.map((chart, at) => aligned(found[at]!, chart.lines, start_ms, now_ms));
  }, POLL_MS, String(span_ms));
  return (
    <>
      <Fault error={error} />
      <div class="chart-grid">
        {charts.map((chart, at) => <ChartCard key={chart.title} chart={chart} series={value?.[at]} zoom={zoom} onZoom={onZoom} />)}
      </div>
    </>
  );
}

/** The stream, its shards where these are counted, its consumers and queues. Nothing where there is no choice. */
function OfWhat({ stream, shown, queues }: { stream: Summary; shown: string; queues: QueueRow[] }) {
  const { value: consumers = [] } = usePolled(async () => {
    const found = await kinesis<{ Consumers: { ConsumerName: string }[] }>("ListStreamConsumers", { StreamARN: stream.StreamARN, MaxResults: 100 });
    return found.Consumers.map(({ ConsumerName }) => ConsumerName);
  }, POLL_MS, stream.StreamARN);
  const { value: shards } = usePolled(async () => (await listShards(stream.StreamName)).shards, 0, stream.StreamName);
  const counted = isMonitored(stream) ? shards ?? [] : [];
  if (!counted.length && !queues.length && !consumers.length) return null;
  return (
    <Choice
      label="Of" value={shown} onChange={choose}
      options={[
        ["", "The whole stream"],
        ...queues.map(({ name }) => [`queue ${name}`, `Queue ${name}`] as const),
        ...consumers.map((name) => [`consumer ${name}`, `Consumer ${name}`] as const),
        ...counted.map(({ id }) => [`shard ${id}`, `Shard ${format.shortShard(id)}`] as const),
      ]}
    />
  );
}

function choose(chosen: string): void {
  const [kind, name] = chosen.split(" ");
  const named = (wanted: string) => (kind === wanted ? name : undefined);
  setQuery({ shard: named("shard"), queue: named("queue"), consumer: named("consumer") });
}

function isMonitored(stream: Summary): boolean {
  return (stream.EnhancedMonitoring[0]?.ShardLevelMetrics.length ?? 0) > 0;
}

function MonitorShards({ stream, refresh }: { stream: Summary; refresh: () => void }) {
  const [run, error, isBusy] = useAction();
  if (isMonitored(stream)) return null;
  const turnOn = async () => {
    await kinesis("EnableEnhancedMonitoring", { StreamName: stream.StreamName, ShardLevelMetrics: ["ALL"] });
    refresh();
  };
  return <><Button changes disabled={isBusy} onClick={() => run(turnOn)}>Count by shard, too</Button><Fault error={error} /></>;
}

function ChartCard(props: { chart: Chart; series: Series | undefined; zoom: Zoom; onZoom: (zoom: Zoom) => void }) {
  const { chart, series } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => {
    let isGone = false;
    // The library of the charts is asked for by the first chart.
    void import("./plot").then(({ Plot: Made }) => {
      if (isGone || !place.current) return;
      plot.current = new Made(place.current, chart, (zoom) => latest.current.onZoom(zoom));
      plot.current.show(latest.current.series, latest.current.zoom);
    });
    return () => {
      isGone = true;
      plot.current?.remove();
    };
  }, [chart]);
  useEffect(() => plot.current?.show(series, props.zoom), [series, props.zoom]);
  return (
    <figure class="card chart" aria-label={series ? summary(chart, series) : chart.title}>
      <figcaption><h2>{chart.title}</h2></figcaption>
      <div ref={place} />
    </figure>
  );
}

/** What a screen reader says in place of the lines. */
function summary(chart: Chart, [, ...rows]: Series): string {
  const told = chart.lines.map(({ name }, at) => {
    const values = (rows[at] ?? []).filter((value): value is number => value !== null);
    return values.length ? `${name}: now ${format.count(values.at(-1)!)}, at most ${format.count(Math.max(...values))}` : `${name}: nothing`;
  });
  return `${chart.title}. ${told.join(". ")}.`;
}
