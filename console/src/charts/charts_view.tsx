/** Charts of a stream or one of its shards over the last hours; drag over one to look closer in all. */
import { useEffect, useRef, useState } from "preact/hooks";
import { kinesis } from "../api/server";
import { route } from "../api/server";
import * as format from "../format";
import { setQuery, useRoute } from "../router";
import type { Summary } from "../streams/stream_page";
import { Button, Choice, Fault, useAction } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { listShards } from "../shards/shards";
import { CHARTS, SHARD_CHARTS, aligned, datapoints, type Chart, type Series } from "./metrics";
import type { Plot } from "./plot";

const SPANS = [["15", "15 minutes"], ["60", "1 hour"], ["180", "3 hours"]] as const;
const POLL_MS = 10_000;

type Zoom = [number, number] | null;

export function ChartsView({ stream, refresh }: { stream: Summary; refresh: () => void }) {
  const { query } = useRoute();
  const span = query.get("span") ?? "60";
  const shard = query.get("shard") ?? "";
  const [zoom, setZoom] = useState<Zoom>(null);
  const isMonitored = (stream.EnhancedMonitoring[0]?.ShardLevelMetrics.length ?? 0) > 0;
  const charts = shard ? SHARD_CHARTS : CHARTS;
  const { value, error } = usePolled(async () => {
    const { now_ms } = await route<{ now_ms: number }>("GET", "clock");
    const start_ms = now_ms - Number(span) * 60_000;
    const found = await Promise.all(charts.map((chart) => datapoints(chart, stream.StreamName, shard, start_ms, now_ms + 60_000)));
    return charts.map((chart, at) => aligned(found[at]!, chart.lines, start_ms, now_ms));
  }, POLL_MS, `${stream.StreamName} ${span} ${shard}`);
  return (
    <div class="charts">
      <div class="toolbar">
        <Choice label="Over" value={span} options={SPANS} onChange={(chosen) => { setZoom(null); setQuery({ span: chosen }); }} />
        <OfShard stream={stream} value={shard} isMonitored={isMonitored} refresh={refresh} />
        <span class="spacer" />
        {zoom ? <Button onClick={() => setZoom(null)}>Show all</Button> : <small class="dim minor">Drag over a chart to look closer.</small>}
      </div>
      <Fault error={error} />
      <div class="chart-grid">
        {charts.map((chart, at) => (
          <ChartCard key={chart.title} chart={chart} series={value?.[at]} zoom={zoom} onZoom={setZoom} />
        ))}
      </div>
    </div>
  );
}

function OfShard(props: { stream: Summary; value: string; isMonitored: boolean; refresh: () => void }) {
  const { stream, isMonitored } = props;
  const [run, error, isBusy] = useAction();
  const { value: shards } = usePolled(async () => (await listShards(stream.StreamName)).shards, 0, stream.StreamName);
  const turnOn = async () => {
    await kinesis("EnableEnhancedMonitoring", { StreamName: stream.StreamName, ShardLevelMetrics: ["ALL"] });
    props.refresh();
  };
  if (!isMonitored) {
    return <><Button changes disabled={isBusy} onClick={() => run(turnOn)}>Count by shard, too</Button><Fault error={error} /></>;
  }
  return (
    <Choice
      label="Of" value={props.value} onChange={(shard) => setQuery({ shard })}
      options={[["", "The whole stream"], ...(shards ?? []).map(({ id }) => [id, `Shard ${format.shortShard(id)}`] as const)]}
    />
  );
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
