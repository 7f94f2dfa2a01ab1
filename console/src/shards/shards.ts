/** The shards of a stream, with their load. */
import { placed, route } from "../api/server";
import { fraction } from "./hash_keys";

export interface Shard {
  id: string;
  parents: string[];
  starting_hash_key: string;
  ending_hash_key: string;
  is_open: boolean;
  opened_ms: number;
  closed_ms: number | null;
  starting_sequence_number: string;
  ending_sequence_number: string | null;
  records: number;
  records_in: number;
  bytes_in: number;
  oldest_ms: number | null;
  newest_ms: number | null;
  iterator_age_ms: number | null;
}

export interface Subscription {
  consumer: string;
  shard: string;
  started_ms: number;
  records_behind: number;
}

export interface Shards {
  status: string;
  now_ms: number;
  created_ms: number;
  shards: Shard[];
  subscriptions: Subscription[];
}

export function listShards(stream: string): Promise<Shards> {
  return route<Shards>("GET", placed("shards", { stream }));
}

/** What a shard takes at AWS. */
const RECORDS_PER_S = 1000;
const BYTES_PER_S = 1024 * 1024;

export type Heat = "hot" | "warm" | "cold";

/** The part of what a shard takes that is used up: by records or by bytes, whichever is more. */
export function load(recordsPerS: number, bytesPerS: number): number {
  return Math.max(recordsPerS / RECORDS_PER_S, bytesPerS / BYTES_PER_S);
}

/** Of what a shard takes, or far beyond the others of its stream. */
export function heat(loadOfShard: number, meanLoad: number): Heat {
  if (loadOfShard >= 0.8 || (loadOfShard >= 0.05 && loadOfShard > 3 * meanLoad)) return "hot";
  return loadOfShard < 0.001 ? "cold" : "warm";
}

/** The open shard that lies behind another one on the bar of hash keys, with which it can be merged. */
export function neighbours(shard: Shard, shards: Shard[]): Shard[] {
  const start = BigInt(shard.starting_hash_key);
  const end = BigInt(shard.ending_hash_key);
  return shards.filter((other) => other.is_open && other.id !== shard.id
    && (BigInt(other.ending_hash_key) + 1n === start || BigInt(other.starting_hash_key) - 1n === end));
}

export interface Life {
  shard: Shard;
  /** From and to which change of the stream it lived; the last column is now. */
  from: number;
  to: number;
  top: number;
  height: number;
}

/** Lineage as a picture: a shard is as high as its range of hash keys, and as long as its life. */
export function lineage(shards: Shard[], now_ms: number): { lives: Life[]; moments: number[] } {
  const times = shards.flatMap((shard) => [shard.opened_ms, shard.closed_ms ?? now_ms]);
  const moments = [...new Set(times)].sort((a, b) => a - b);
  const column = new Map(moments.map((moment, at) => [moment, at]));
  const lives = shards.map((shard) => {
    const top = fraction(shard.starting_hash_key);
    return {
      shard,
      from: column.get(shard.opened_ms)!,
      to: column.get(shard.closed_ms ?? now_ms)!,
      top,
      height: fraction(BigInt(shard.ending_hash_key) + 1n) - top,
    };
  });
  return { lives, moments };
}
