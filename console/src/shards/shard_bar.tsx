/** All hash keys from 0 to 2^128 as a bar of the open shards, the more coloured the more they take. */
import * as format from "../format";
import { fraction } from "./hash_keys";
import type { Shard } from "./shards";
import type { LoadedShard } from "./shards_view";

export function ShardBar(props: {
  shards: LoadedShard[];
  marked: string;
  hashKey: bigint | undefined;
  onChoose: (shard: Shard) => void;
}) {
  const top = Math.max(0.0001, ...props.shards.map((shard) => shard.load));
  return (
    <figure class="shard-bar">
      <svg viewBox="0 0 1000 44" preserveAspectRatio="none" role="img" aria-label={`The hash keys of ${format.plural(props.shards.length, "open shard")}`}>
        {props.shards.map((shard) => {
          const start = fraction(shard.starting_hash_key) * 1000;
          const width = fraction(BigInt(shard.ending_hash_key) + 1n) * 1000 - start;
          return (
            <rect
              key={shard.id}
              class={`shard ${shard.id === props.marked ? "marked" : ""}`}
              x={start} y={2} width={Math.max(0.4, width - 0.6)} height={40}
              fill-opacity={0.12 + 0.88 * Math.sqrt(shard.load / top) * (shard.load > 0 ? 1 : 0)}
              onClick={() => props.onChoose(shard)}
            >
              <title>{`${shard.id}: ${format.rate(shard.recordsPerS)} records/s, ${format.bytes(shard.bytesPerS)}/s`}</title>
            </rect>
          );
        })}
        {props.hashKey !== undefined && <line class="key" x1={fraction(props.hashKey) * 1000} x2={fraction(props.hashKey) * 1000} y1={0} y2={44} />}
      </svg>
      <figcaption><span>0</span><span>hash keys, by load</span><span>2¹²⁸</span></figcaption>
    </figure>
  );
}
