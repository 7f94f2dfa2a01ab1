/** The dialogs that split a shard and merge two. */
import { useState } from "preact/hooks";
import { kinesis } from "../api/server";
import { Choice, Field, FormDialog, Text } from "../ui/parts";
import { hashKeyOf, holds, middle } from "./hash_keys";
import { neighbours, type Shard } from "./shards";

export function SplitShard({ stream, shard, onClose }: { stream: string; shard: Shard; onClose: () => void }) {
  const half = middle(shard.starting_hash_key, shard.ending_hash_key);
  const [hashKey, setHashKey] = useState(half);
  const [partitionKey, setPartitionKey] = useState("");
  const byKey = (key: string) => {
    setPartitionKey(key);
    setHashKey(key ? hashKeyOf(key).toString() : half);
  };
  const split = () => kinesis("SplitShard", { StreamName: stream, ShardToSplit: shard.id, NewStartingHashKey: hashKey });
  const isElsewhere = partitionKey !== "" && !holds(shard, hashKeyOf(partitionKey));
  return (
    <FormDialog title={`Split ${shard.id}`} submit="Split" onSubmit={split} onClose={onClose}>
      <Field label="At the hash key" hint={hashKey === half ? "The middle of its range." : "The second child begins here."}>
        <Text value={hashKey} onInput={setHashKey} inputMode="numeric" required />
      </Field>
      <Field label="Or where a partition key falls" hint={isElsewhere ? "That key falls into another shard." : ""}>
        <Text value={partitionKey} onInput={byKey} />
      </Field>
    </FormDialog>
  );
}

export function MergeShards(props: { stream: string; shard: Shard; shards: Shard[]; onClose: () => void }) {
  const others = neighbours(props.shard, props.shards);
  const [other, setOther] = useState(others[0]?.id ?? "");
  const merge = () => kinesis("MergeShards", {
    StreamName: props.stream, ShardToMerge: props.shard.id, AdjacentShardToMerge: other,
  });
  return (
    <FormDialog title={`Merge ${props.shard.id}`} submit="Merge" disabled={!other} onSubmit={merge} onClose={props.onClose}>
      {others.length ? (
        <Field label="With the shard beside it">
          <Choice value={other} options={others.map(({ id }) => [id, id] as const)} onChange={setOther} />
        </Field>
      ) : <p>No open shard lies beside it.</p>}
    </FormDialog>
  );
}
