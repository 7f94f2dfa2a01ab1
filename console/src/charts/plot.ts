/** A chart by uPlot, in the colours of the page. Loaded by the first chart that is looked at. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import * as format from "../format";
import { colourOf } from "../ui/theme";
import type { Chart, Series } from "./metrics";

const HEIGHT = 170;
const COLOURS = ["--line-1", "--line-2", "--line-3"];

const SECOND_MS = 1000;

/** Steps of the axes, so that their numbers are round ones. */
const INCREMENTS = {
  count: powers(10).flatMap((power) => [power, 2 * power, 5 * power]),
  bytes: powers(2, 50),
  ms: [
    0.1, 0.2, 0.5, ...powers(10, 3).flatMap((power) => [power, 2 * power, 5 * power]),
    ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND_MS),
    ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60 * SECOND_MS),
    ...[1, 2, 6, 12, 24, 48, 120, 240, 480, 960, 1920, 3840, 7680].map((hours) => hours * 3600 * SECOND_MS),
  ],
};

function powers(base: number, many = 13): number[] {
  return Array.from({ length: many }, (_, exponent) => base ** exponent);
}

export class Plot {
  private plot: uPlot | undefined;
  private resize: ResizeObserver;
  private series: Series | undefined;
  private zoom: [number, number] | null = null;
  private redraw = () => this.make();

  constructor(private place: HTMLElement, private chart: Chart, private onZoom: (zoom: [number, number] | null) => void) {
    this.resize = new ResizeObserver(() => this.plot?.setSize({ width: place.clientWidth, height: HEIGHT }));
    this.resize.observe(place);
    addEventListener("themechange", this.redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.redraw);
  }

  show(series: Series | undefined, zoom: [number, number] | null): void {
    this.series = series;
    this.zoom = zoom;
    if (!series) return;
    if (!this.plot) this.make();
    else this.plot.setData(series as uPlot.AlignedData, false);
    const [times] = series;
    const [min, max] = zoom ?? [times[0] ?? 0, times.at(-1) ?? 1];
    this.plot?.batch(() => {
      this.plot?.setScale("x", { min, max });
    });
  }

  remove(): void {
    this.resize.disconnect();
    this.plot?.destroy();
    removeEventListener("themechange", this.redraw);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.redraw);
  }

  private make(): void {
    if (!this.series) return;
    this.plot?.destroy();
    const colour = (name: string) => colourOf(name, this.place);
    const axis = {
      stroke: colour("--text-dim"), font: "11px system-ui, sans-serif",
      grid: { stroke: colour("--rule"), width: 1 }, ticks: { show: false },
    };
    this.plot = new uPlot({
      width: this.place.clientWidth,
      height: HEIGHT,
      padding: [8, 18, 0, 0],
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
      legend: { live: true },
      scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, (max || 0) * 1.1)] } },
      axes: [
        { ...axis, space: 70, size: 26, values: (_plot, times) => times.map((time) => format.time(time * 1000).slice(0, 5)) },
        { ...axis, size: 62, incrs: INCREMENTS[this.chart.unit], values: (_plot, values) => values.map((value) => this.shown(value)) },
      ],
      series: [
        { value: (_plot, time) => (time ? format.time(time * 1000).slice(0, 5) : "–") },
        ...this.chart.lines.map(({ name, statistic }, at) => ({
          label: name, stroke: colour(COLOURS[at]!), width: 1.75, spanGaps: false,
          points: { show: statistic !== "sum", size: 4 },
          ...(at === 0 ? { fill: colour("--line-1-fill") } : {}),
          value: (_plot: uPlot, value: number | null) => (value === null || value === undefined ? "–" : this.shown(value)),
        })),
      ],
      hooks: {
        setSelect: [(plot) => {
          if (plot.select.width < 4) return;
          const from = plot.posToVal(plot.select.left, "x");
          const to = plot.posToVal(plot.select.left + plot.select.width, "x");
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          this.onZoom([from, to]);
        }],
      },
    }, this.series as uPlot.AlignedData, this.place);
    this.plot.over.addEventListener("dblclick", () => this.onZoom(null));
    if (this.zoom) this.plot.setScale("x", { min: this.zoom[0], max: this.zoom[1] });
  }

  private shown(value: number): string {
    if (this.chart.unit === "bytes") return format.bytes(value);
    if (this.chart.unit === "ms") return value > 0 && value < 10 ? `${value.toFixed(1)} ms` : format.duration(value);
    return format.count(value);
  }
}
