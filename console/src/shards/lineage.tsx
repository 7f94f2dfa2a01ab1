/** How shards came out of each other: each as high as its hash keys and as long as its life, change by change. */
import * as format from "../format";
import { lineage, type Shard } from "./shards";

const WIDTH = 1000;
const HEIGHT = 180;
const LABELLED_MAX = 24;

export function Lineage(props: { shards: Shard[]; now_ms: number; marked: string; onChoose: (shard: Shard) => void }) {
  const { lives, moments } = lineage(props.shards, props.now_ms);
  if (moments.length < 2) return null;
  const step = WIDTH / (moments.length - 1);
  const shown = moments.length <= 6 ? moments : [moments[0]!, moments[Math.floor(moments.length / 2)]!, moments.at(-1)!];
  return (
    <figure class="lineage">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`The lineage of ${format.plural(lives.length, "shard")}`}>
        {lives.map(({ shard, from, to, top, height }) => (
          <rect
            key={shard.id}
            class={`shard ${shard.is_open ? "open" : "closed"} ${shard.id === props.marked ? "marked" : ""}`}
            x={from * step + 1} y={top * HEIGHT + 0.5}
            width={Math.max(1, (to - from) * step - 2)} height={Math.max(0.5, height * HEIGHT - 1)}
            onClick={() => props.onChoose(shard)}
          >
            <title>
              {`${shard.id}, ${shard.is_open ? "open" : "closed"}${shard.parents.length ? `, from ${shard.parents.map(format.shortShard).join(" and ")}` : ""}`}
            </title>
          </rect>
        ))}
      </svg>
      {lives.length <= LABELLED_MAX && lives.map(({ shard, from, top, height }) => (
        <span
          key={shard.id}
          class="label"
          style={{ left: `${(from * 100) / (moments.length - 1)}%`, top: `${(top + height / 2) * HEIGHT}px` }}
        >
          {format.shortShard(shard.id)}
        </span>
      ))}
      <figcaption>{shown.map((moment) => <span key={moment}>{moment === props.now_ms ? "now" : format.dateTime(moment).slice(0, 19)}</span>)}</figcaption>
    </figure>
  );
}
