/** The dialogs that make channels and delivery streams to buckets, delete them, and put a record directly. */
import { useState } from "preact/hooks";
import { toBase64 } from "../records/payload";
import { Lines } from "../streams/create_stream";
import { Choice, Field, FormDialog, Text } from "../ui/parts";
import {
  KINDS, createChannel, createDeliveryStream, deleteDelivery, putDirectly,
  type Compression, type Delivery, type RecordFormat,
} from "./deliveries";

const FORMATS = [["JSON", "Lines of JSON"], ["STRING", "Lines of text"], ["BYTE_ARRAY", "Bytes as they are"]] as const;
const COMPRESSIONS = [["NONE", "Not compressed"], ["GZIP", "gzip"]] as const;
const TABLES = "Records go to a bucket; tables and endpoints, and what is done on the way, are chosen by the API.";

/** A channel of a stream. */
export function CreateChannel({ streamArn, onClose }: { streamArn: string; onClose: () => void }) {
  const [name, setName] = useState("");
  const [bucket, setBucket] = useState("");
  const [format, setFormat] = useState<RecordFormat>("JSON");
  const [compression, setCompression] = useState<Compression>("NONE");
  const [freshness, setFreshness] = useState("300");
  const create = () => createChannel(streamArn, { name, bucket, format, compression, freshness_s: Number(freshness) });
  return (
    <FormDialog title="Create a channel" submit="Create" onSubmit={create} onClose={onClose}>
      <Field label="Name"><Text value={name} onInput={setName} required /></Field>
      <Field label="Bucket" hint="It has to be there."><Text value={bucket} onInput={setBucket} required /></Field>
      <Field label="Records are"><Choice value={format} options={FORMATS} onChange={setFormat} /></Field>
      <Field label="Objects are"><Choice value={compression} options={COMPRESSIONS} onChange={setCompression} /></Field>
      <Field label="Freshness" hint="So many seconds old records may be before they are delivered: 300 to 900.">
        <Text type="number" value={freshness} onInput={setFreshness} required />
      </Field>
      <p class="dim">{TABLES}</p>
    </FormDialog>
  );
}

/** A delivery stream; `streamArn`: it reads that stream, otherwise records are put directly. */
export function CreateDeliveryStream({ streamArn, onClose }: { streamArn: string | null; onClose: () => void }) {
  const [name, setName] = useState("");
  const [bucket, setBucket] = useState("");
  const [prefix, setPrefix] = useState("");
  const [compression, setCompression] = useState<Compression>("NONE");
  const [interval, setInterval] = useState("60");
  const [size, setSize] = useState("5");
  const create = () => createDeliveryStream(streamArn, {
    name, bucket, prefix, compression, interval_s: Number(interval), size_mib: Number(size),
  });
  return (
    <FormDialog title="Create a delivery stream" submit="Create" onSubmit={create} onClose={onClose}>
      <Field label="Name"><Text value={name} onInput={setName} required /></Field>
      <Field label="Bucket"><Text value={bucket} onInput={setBucket} required /></Field>
      <Field label="Prefix of objects"><Text value={prefix} onInput={setPrefix} /></Field>
      <Field label="Objects are"><Choice value={compression} options={COMPRESSIONS} onChange={setCompression} /></Field>
      <Field label="Interval" hint="So many seconds records are gathered: 0 to 900.">
        <Text type="number" value={interval} onInput={setInterval} required />
      </Field>
      <Field label="Size" hint="So many MiB are gathered: 1 to 128."><Text type="number" value={size} onInput={setSize} required /></Field>
      <p class="dim">{TABLES}</p>
    </FormDialog>
  );
}

export function DeleteDelivery({ delivery, onClose }: { delivery: Delivery; onClose: (isDeleted: boolean) => void }) {
  const [typed, setTyped] = useState("");
  const { kind, name, stream } = delivery;
  const left = stream === null ? "What was put and is not delivered yet is lost." : "What is not delivered yet stays in the stream.";
  const remove = async () => {
    await deleteDelivery(delivery);
    onClose(true);
  };
  return (
    <FormDialog
      title={`Delete the ${KINDS[kind]} ${name}`} submit="Delete" kind="danger" disabled={typed !== name}
      onSubmit={remove} onClose={() => onClose(false)}
    >
      <p>What it has delivered stays. {left}</p>
      <Field label={`Type ${name} to delete it`}><Text value={typed} onInput={setTyped} required /></Field>
    </FormDialog>
  );
}

export function PutDirectly({ name, onClose }: { name: string; onClose: () => void }) {
  const [data, setData] = useState("");
  const put = () => putDirectly(name, toBase64(new TextEncoder().encode(data)));
  return (
    <FormDialog title={`Put a record into ${name}`} submit="Put" onSubmit={put} onClose={onClose}>
      <Field label="Data" hint="As it is: objects have lines only if records end with one."><Lines value={data} onInput={setData} rows={8} /></Field>
    </FormDialog>
  );
}
