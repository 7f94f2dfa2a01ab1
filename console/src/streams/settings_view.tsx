/** What can be changed of a stream: each setting by itself, with its own button and its own refusal. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { kinesis } from "../api/server";
import * as format from "../format";
import { hashOf, navigate } from "../router";
import { Button, Choice, CopyButton, Fact, Fault, Field, FormDialog, Text, useAction } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { Lines } from "./create_stream";
import type { Summary } from "./stream_page";
import { parseTags, tagsText } from "./tags";

interface Props {
  stream: Summary;
  refresh: () => void;
}

export function SettingsView({ stream, refresh }: Props) {
  const [isDeleting, setDeleting] = useState(false);
  const isProvisioned = stream.StreamModeDetails.StreamMode === "PROVISIONED";
  return (
    <div class="settings">
      <dl class="facts">
        <Fact name="ARN"><code>{stream.StreamARN}</code> <CopyButton text={() => stream.StreamARN} /></Fact>
        <Fact name="Created">{format.dateTime(stream.StreamCreationTimestamp * 1000)}</Fact>
      </dl>
      <Mode stream={stream} refresh={refresh} />
      {isProvisioned && <Shards stream={stream} refresh={refresh} />}
      <Retention stream={stream} refresh={refresh} />
      <Encryption stream={stream} refresh={refresh} />
      <Tags stream={stream} refresh={refresh} />
      <Policy stream={stream} refresh={refresh} />
      <div class="card">
        <h2>Delete the stream</h2>
        <p>Its records and its consumers go with it.</p>
        <Button kind="danger" changes onClick={() => setDeleting(true)}>Delete…</Button>
      </div>
      {isDeleting && <DeleteStream name={stream.StreamName} onClose={() => setDeleting(false)} />}
    </div>
  );
}

function Setting(props: {
  title: string;
  children: ComponentChildren;
  onSave: () => Promise<unknown>;
  refresh: () => void;
  save?: string;
}) {
  const [run, error, isBusy] = useAction();
  const save = async () => {
    await props.onSave();
    props.refresh();
  };
  return (
    <form class="card" onSubmit={(event) => { event.preventDefault(); run(save); }}>
      <h2>{props.title}</h2>
      {props.children}
      <Fault error={error} />
      <Button type="submit" changes disabled={isBusy}>{props.save ?? "Save"}</Button>
    </form>
  );
}

function Mode({ stream, refresh }: Props) {
  const [mode, setMode] = useState(stream.StreamModeDetails.StreamMode);
  const save = () => kinesis("UpdateStreamMode", { StreamARN: stream.StreamARN, StreamModeDetails: { StreamMode: mode } });
  return (
    <Setting title="Capacity" onSave={save} refresh={refresh}>
      <Field label="Mode">
        <Choice value={mode} options={[["PROVISIONED", "Provisioned"], ["ON_DEMAND", "On demand"]]} onChange={setMode} />
      </Field>
    </Setting>
  );
}

function Shards({ stream, refresh }: Props) {
  const [shards, setShards] = useState(String(stream.OpenShardCount));
  const save = () => kinesis("UpdateShardCount", {
    StreamName: stream.StreamName, TargetShardCount: Number(shards), ScalingType: "UNIFORM_SCALING",
  });
  return (
    <Setting title="Shards" onSave={save} refresh={refresh} save="Scale">
      <Field label="Open shards" hint={`Now ${stream.OpenShardCount}; from half to twice as many at once.`}>
        <Text type="number" value={shards} onInput={setShards} required />
      </Field>
    </Setting>
  );
}

function Retention({ stream, refresh }: Props) {
  const [hours, setHours] = useState(String(stream.RetentionPeriodHours));
  const save = () => kinesis(
    Number(hours) < stream.RetentionPeriodHours ? "DecreaseStreamRetentionPeriod" : "IncreaseStreamRetentionPeriod",
    { StreamName: stream.StreamName, RetentionPeriodHours: Number(hours) },
  );
  return (
    <Setting title="Retention" onSave={save} refresh={refresh}>
      <Field label="Hours" hint="From 24 to 8760."><Text type="number" value={hours} onInput={setHours} required /></Field>
    </Setting>
  );
}

function Encryption({ stream, refresh }: Props) {
  const isOn = stream.EncryptionType === "KMS";
  const [key, setKey] = useState(stream.KeyId ?? "alias/aws/kinesis");
  const save = () => kinesis(isOn ? "StopStreamEncryption" : "StartStreamEncryption", {
    StreamName: stream.StreamName, EncryptionType: "KMS", KeyId: key,
  });
  return (
    <Setting title="Encryption" onSave={save} refresh={refresh} save={isOn ? "Turn off" : "Turn on"}>
      <Field label="Key" hint={isOn ? "New records carry this key." : "An id, an alias or an ARN of a KMS key."}>
        <Text value={key} onInput={setKey} required />
      </Field>
    </Setting>
  );
}

function Tags({ stream, refresh }: Props) {
  const { value, refresh: reread } = usePolled(async () => {
    const { Tags: listed } = await kinesis<{ Tags: { Key: string; Value: string }[] }>(
      "ListTagsForStream", { StreamName: stream.StreamName },
    );
    return Object.fromEntries(listed.map((tag) => [tag.Key, tag.Value]));
  }, 0, stream.StreamName);
  const [edited, setEdited] = useState<string>();
  const save = async () => {
    const wanted = parseTags(edited ?? "");
    const gone = Object.keys(value ?? {}).filter((name) => !(name in wanted));
    if (gone.length) await kinesis("RemoveTagsFromStream", { StreamName: stream.StreamName, TagKeys: gone });
    if (Object.keys(wanted).length) await kinesis("AddTagsToStream", { StreamName: stream.StreamName, Tags: wanted });
    setEdited(undefined);
    reread();
  };
  return (
    <Setting title="Tags" onSave={save} refresh={refresh}>
      <Field label="name=value, one on each line">
        <Lines value={edited ?? tagsText(value ?? {})} onInput={setEdited} rows={4} />
      </Field>
    </Setting>
  );
}

function Policy({ stream, refresh }: Props) {
  const { value, refresh: reread } = usePolled(
    async () => (await kinesis<{ Policy: string }>("GetResourcePolicy", { ResourceARN: stream.StreamARN })).Policy,
    0, stream.StreamARN,
  );
  const [edited, setEdited] = useState<string>();
  const text = edited ?? indented(value ?? "");
  const save = async () => {
    if (text.trim()) await kinesis("PutResourcePolicy", { ResourceARN: stream.StreamARN, Policy: text });
    else await kinesis("DeleteResourcePolicy", { ResourceARN: stream.StreamARN });
    setEdited(undefined);
    reread();
  };
  return (
    <Setting title="Policy" onSave={save} refresh={refresh}>
      <Field label="JSON; empty is none"><Lines value={text} onInput={setEdited} rows={8} /></Field>
    </Setting>
  );
}

function DeleteStream({ name, onClose }: { name: string; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const remove = async () => {
    await kinesis("DeleteStream", { StreamName: name, EnforceConsumerDeletion: true });
    navigate(hashOf(["streams"]));
  };
  return (
    <FormDialog title={`Delete ${name}`} submit="Delete" kind="danger" disabled={typed !== name} onSubmit={remove} onClose={onClose}>
      <Field label={`Type ${name} to delete it with all its records`}><Text value={typed} onInput={setTyped} required /></Field>
    </FormDialog>
  );
}

function indented(policy: string): string {
  try {
    const document: unknown = policy && JSON.parse(policy);
    return document && Object.keys(document).length ? JSON.stringify(document, null, 2) : "";
  } catch {
    return policy;
  }
}
