/** Which streams are limited, and to what. */
import { useState } from "preact/hooks";
import { route } from "../api/server";
import { session } from "../api/session";
import * as format from "../format";
import { Badge, Button, Choice, Fault, Field, FormDialog, Text, useAction } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { Table } from "../ui/table";

const FIGURES: [string, string][] = [
  ["records_in_per_s", "Records in"], ["bytes_in_per_s", "Bytes in"], ["reads_per_s", "Reads"],
  ["bytes_out_per_s", "Bytes out"], ["fan_out_bytes_per_s", "Fan-out bytes"], ["shards_max", "Shards at most"],
];

interface Rule {
  enforce: boolean;
  stream?: string;
  stream_arn?: string;
  [figure: string]: number | boolean | string | undefined;
}

export function Limits() {
  const [isChanging, setChanging] = useState(false);
  const { value, error, refresh } = usePolled(() => route<{ default: Rule; streams: Rule[] }>("GET", "limits"), 2000, "limits");
  const [run, fault] = useAction();
  const change = (members: Record<string, unknown>) => run(async () => {
    await route("POST", "limits", members);
    refresh();
  });
  const rules = value ? [value.default, ...value.streams] : [];
  return (
    <div class="card">
      <header class="section-head">
        <h2>Limits</h2>
        <Button changes onClick={() => setChanging(true)}>Set limits</Button>
      </header>
      <Fault error={fault ?? error} />
      <Table
        label="Limits" rows={rules} keyOf={(rule) => rule.stream_arn ?? ""} empty=""
        columns={[
          { name: "Stream", width: "", cell: (rule) => rule.stream ?? <em>all others</em> },
          { name: "Limited", width: "", cell: (rule) => <Badge kind={rule.enforce ? "busy" : ""}>{rule.enforce ? "limited" : "not limited"}</Badge> },
          ...FIGURES.map(([key, name]) => ({
            name, width: "", numeric: true, minor: true,
            cell: (rule: Rule) => (typeof rule[key] === "number" ? key.includes("bytes") ? `${format.bytes(rule[key])}/s` : format.count(rule[key]) : "–"),
          })),
          {
            name: "", width: "", cell: (rule) => rule.stream_arn
              ? <Button kind="quiet" changes onClick={() => change({ stream: rule.stream_arn, remove: true })}>Remove</Button>
              : <Button kind="quiet" changes onClick={() => change({ enforce: !rule.enforce })}>{rule.enforce ? "Lift" : "Enforce AWS's"}</Button>,
          },
        ]}
      />
      {isChanging && <SetLimits onClose={() => { setChanging(false); refresh(); }} />}
    </div>
  );
}

function SetLimits({ onClose }: { onClose: () => void }) {
  const [stream, setStream] = useState("");
  const [what, setWhat] = useState<"enforce" | "exempt">("enforce");
  const [figures, setFigures] = useState<Record<string, string>>({});
  const { account, region } = session();
  const set = () => route("POST", "limits", {
    ...(stream.trim() ? { stream: stream.trim(), ...(stream.startsWith("arn:") ? {} : { account_id: account, region }) } : {}),
    enforce: what === "enforce",
    ...Object.fromEntries(Object.entries(what === "enforce" ? figures : {}).filter(([, text]) => text.trim()).map(([key, text]) => [key, Number(text)])),
  });
  return (
    <FormDialog title="Set limits" submit="Set" onSubmit={set} onClose={onClose}>
      <Field label="Stream" hint="Empty is all that have no rule of their own."><Text value={stream} onInput={setStream} /></Field>
      <Field label="Rule"><Choice value={what} options={[["enforce", "Limited"], ["exempt", "Not limited"]]} onChange={setWhat} /></Field>
      {what === "enforce" && FIGURES.map(([key, name]) => (
        <Field key={key} label={key === "shards_max" ? name : `${name} a second, of a shard`} hint="Empty is AWS's.">
          <Text value={figures[key] ?? ""} inputMode="numeric" onInput={(text) => setFigures({ ...figures, [key]: text })} />
        </Field>
      ))}
    </FormDialog>
  );
}
