/** The shards of a stream: their ranges, their lineage, their load; split and merge. */
import { useRef, useState } from "preact/hooks";
import * as format from "../format";
import { hashOf, setQuery, useRoute } from "../router";
import { Rates } from "../streams/streams";
import type { Summary } from "../streams/stream_page";
import { Badge, Button, Check, Fault, Text } from "../ui/parts";
import { usePolled } from "../ui/polled";
import type { Column } from "../ui/table";
import { VirtualTable } from "../ui/virtual_table";
import { hashKeyOf, holds } from "./hash_keys";
import { Lineage } from "./lineage";
import { MergeShards, SplitShard } from "./reshard";
import { ShardBar } from "./shard_bar";
import { heat, listShards, load, type Heat, type Shard } from "./shards";

const POLL_MS = 2000;

export interface LoadedShard extends Shard {
  recordsPerS: number;
  bytesPerS: number;
  load: number;
  heat: Heat;
}

export function ShardsView({ stream }: { stream: Summary }) {
  const { query } = useRoute();
  const key = query.get("key") ?? "";
  const chosen = query.get("shard") ?? "";
  const onlyOpen = query.get("closed") !== "yes";
  const rates = useRef(new Rates<"records" | "bytes">()).current;
  const [dialog, setDialog] = useState<{ kind: "split" | "merge"; shard: Shard }>();
  const { value, error, refresh } = usePolled(async () => {
    const found = await listShards(stream.StreamName);
    for (const shard of found.shards) rates.see(shard.id, { records: shard.records_in, bytes: shard.bytes_in });
    return found;
  }, POLL_MS, stream.StreamName);
  if (!value) return <Fault error={error} />;
  const shards = loaded(value.shards, rates);
  const owner = key ? shards.find((shard) => shard.is_open && holds(shard, hashKeyOf(key))) : undefined;
  const rows = onlyOpen ? shards.filter((shard) => shard.is_open) : shards;
  const marked = owner?.id ?? chosen;
  const choose = (shard: Shard) => setQuery({ shard: shard.id === chosen ? undefined : shard.id });
  const hot = shards.filter((shard) => shard.heat === "hot" && shard.is_open).length;
  return (
    <div class="shards">
      <Fault error={error} />
      <div class="toolbar">
        <Text class="search" type="search" label="Partition key" placeholder="Which shard? A partition key  /" value={key} onInput={(text) => setQuery({ key: text })} />
        {owner && <span role="status">falls into <strong>{owner.id}</strong></span>}
        <span class="spacer" />
        <span class="dim">{format.plural(value.shards.filter((shard) => shard.is_open).length, "open shard")}{hot ? `, ${hot} hot` : ""}</span>
      </div>
      <ShardBar shards={shards.filter((shard) => shard.is_open)} marked={marked} onChoose={choose} hashKey={key ? hashKeyOf(key) : undefined} />
      <Lineage shards={shards} now_ms={value.now_ms} marked={marked} onChoose={choose} />
      <div class="toolbar">
        <Check checked={!onlyOpen} onChange={(checked) => setQuery({ closed: checked ? "yes" : undefined })}>Closed shards too</Check>
      </div>
      <VirtualTable
        label="Shards"
        count={rows.length}
        row={(index) => rows[index]!}
        keyOf={(shard) => shard.id}
        selected={marked}
        columns={columns(stream.StreamName, value.now_ms, (kind, shard) => setDialog({ kind, shard }))}
        onOpen={(shard) => setQuery({ shard: shard.id })}
        empty="There are no shards."
      />
      {dialog?.kind === "split" && (
        <SplitShard stream={stream.StreamName} shard={dialog.shard} onClose={() => { setDialog(undefined); refresh(); }} />
      )}
      {dialog?.kind === "merge" && (
        <MergeShards stream={stream.StreamName} shard={dialog.shard} shards={shards} onClose={() => { setDialog(undefined); refresh(); }} />
      )}
    </div>
  );
}

function loaded(shards: Shard[], rates: Rates<"records" | "bytes">): LoadedShard[] {
  const measured = shards.map((shard) => {
    const recordsPerS = rates.of(shard.id, "records");
    const bytesPerS = rates.of(shard.id, "bytes");
    return { ...shard, recordsPerS, bytesPerS, load: load(recordsPerS, bytesPerS) };
  });
  const open = measured.filter((shard) => shard.is_open);
  const mean = open.reduce((sum, shard) => sum + shard.load, 0) / Math.max(1, open.length);
  return measured.map((shard) => ({ ...shard, heat: heat(shard.load, mean) }));
}

function columns(
  stream: string, now_ms: number, reshard: (kind: "split" | "merge", shard: Shard) => void,
): Column<LoadedShard>[] {
  return [
    { name: "Shard", width: "minmax(10rem, 1.2fr)", cell: (shard) => <code>{shard.id}</code> },
    {
      name: "State", width: "6rem", minor: true, cell: (shard) => (
        <Badge kind={shard.is_open ? HEAT_KINDS[shard.heat] : ""}>{shard.is_open ? shard.heat === "warm" ? "open" : `open, ${shard.heat}` : "closed"}</Badge>
      ),
    },
    { name: "Load", width: "6rem", minor: true, cell: (shard) => <meter min={0} max={1} value={Math.min(1, shard.load)} aria-label={`Load ${Math.round(shard.load * 100)} %`} /> },
    { name: "Records /s", width: "5rem", numeric: true, minor: true, cell: (shard) => format.rate(shard.recordsPerS) },
    { name: "Bytes /s", width: "5rem", numeric: true, minor: true, cell: (shard) => format.bytes(shard.bytesPerS) },
    { name: "Records", width: "6rem", numeric: true, minor: true, cell: (shard) => format.count(shard.records) },
    { name: "Oldest", width: "4.5rem", numeric: true, minor: true, cell: (shard) => (shard.oldest_ms === null ? "–" : format.age(now_ms - shard.oldest_ms)) },
    { name: "From", width: "minmax(3.5rem, 0.6fr)", minor: true, cell: (shard) => shard.parents.map(format.shortShard).join(" + ") || "–" },
    {
      name: "Actions", width: "11rem", cell: (shard) => (
        <span class="row">
          <a href={hashOf(["streams", stream, "records"], { shard: shard.id })}>Records</a>
          {shard.is_open && <Button kind="quiet" changes onClick={() => reshard("split", shard)}>Split</Button>}
          {shard.is_open && <Button kind="quiet" changes onClick={() => reshard("merge", shard)}>Merge</Button>}
        </span>
      ),
    },
  ];
}

const HEAT_KINDS: Record<Heat, string> = { hot: "hot", warm: "good", cold: "" };
