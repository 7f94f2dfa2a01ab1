/** The dialog that makes a stream. */
import { useState } from "preact/hooks";
import { kinesis } from "../api/server";
import { hashOf, navigate } from "../router";
import { Choice, Field, FormDialog, Text } from "../ui/parts";
import { parseTags } from "./tags";

const MODES = [["PROVISIONED", "Provisioned"], ["ON_DEMAND", "On demand"]] as const;

export function CreateStream({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [mode, setMode] = useState<"PROVISIONED" | "ON_DEMAND">("PROVISIONED");
  const [shards, setShards] = useState("1");
  const [tags, setTags] = useState("");
  const create = async () => {
    await kinesis("CreateStream", {
      StreamName: name,
      StreamModeDetails: { StreamMode: mode },
      ...(mode === "PROVISIONED" ? { ShardCount: Number(shards) } : {}),
      ...(tags.trim() ? { Tags: parseTags(tags) } : {}),
    });
    navigate(hashOf(["streams", name]));
  };
  return (
    <FormDialog title="Create a stream" submit="Create" onSubmit={create} onClose={onClose}>
      <Field label="Name" hint="Letters, digits, and _ . -">
        <Text value={name} onInput={setName} required />
      </Field>
      <Field label="Capacity"><Choice value={mode} options={MODES} onChange={setMode} /></Field>
      {mode === "PROVISIONED" && (
        <Field label="Shards"><Text type="number" value={shards} onInput={setShards} required /></Field>
      )}
      <Field label="Tags" hint="name=value, one on each line"><Lines value={tags} onInput={setTags} /></Field>
    </FormDialog>
  );
}

export function Lines({ value, onInput, rows = 3 }: { value: string; onInput: (value: string) => void; rows?: number }) {
  return (
    <textarea rows={rows} value={value} spellcheck={false} onInput={(event) => onInput(event.currentTarget.value)} />
  );
}
