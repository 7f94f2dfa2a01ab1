/** The dialogs that make a queue, change it and delete it. */
import { useState } from "preact/hooks";
import * as format from "../format";
import { Check, Choice, Field, FormDialog, Text } from "../ui/parts";
import { createQueue, deleteQueue, updateQueue, type Attributes, type QueueRow, type StartType } from "./queues";

const STARTS = [
  ["LATEST", "What is put from now on"], ["TRIM_HORIZON", "All that is kept"], ["AT_TIMESTAMP", "What arrived from a time on"],
] as const;
/** As the API has them for a queue of which nothing is said. */
const DEFAULTS: Attributes = { visibility_timeout_s: 30, max_receive_count: 6 };

export function CreateQueue({ streamArn, onClose }: { streamArn: string; onClose: () => void }) {
  const [name, setName] = useState("");
  const [start, setStart] = useState<StartType>("LATEST");
  const [time, setTime] = useState(() => format.localInput(Date.now()));
  const [attributes, fields] = useAttributes(DEFAULTS);
  const create = () => createQueue(streamArn, name, { type: start, time_ms: new Date(time).getTime() }, attributes);
  return (
    <FormDialog title="Create a queue" submit="Create" onSubmit={create} onClose={onClose}>
      <Field label="Name" hint="Letters, digits, and _ . -"><Text value={name} onInput={setName} required /></Field>
      <Field label="Begins with"><Choice value={start} options={STARTS} onChange={setStart} /></Field>
      {start === "AT_TIMESTAMP" && (
        <Field label="From"><Text type="datetime-local" value={time} onInput={setTime} required /></Field>
      )}
      {fields}
    </FormDialog>
  );
}

export function UpdateQueue({ queue, onClose }: { queue: QueueRow; onClose: () => void }) {
  const [attributes, fields] = useAttributes(queue);
  return (
    <FormDialog title={`Change ${queue.name}`} submit="Save" onSubmit={() => updateQueue(queue.arn, attributes)} onClose={onClose}>
      {fields}
    </FormDialog>
  );
}

export function DeleteQueue({ queue, onClose }: { queue: QueueRow; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  return (
    <FormDialog
      title={`Delete ${queue.name}`} submit="Delete" kind="danger" disabled={typed !== queue.name}
      onSubmit={() => deleteQueue(queue.arn)} onClose={onClose}
    >
      <p>Its dead letters are forgotten, and no receipt is worth anything. The records stay in the stream.</p>
      <Field label={`Type ${queue.name} to delete it`}><Text value={typed} onInput={setTyped} required /></Field>
    </FormDialog>
  );
}

/** The attributes as they are typed, and the fields to type them. */
function useAttributes(before: Attributes) {
  const [timeout, setTimeout] = useState(String(before.visibility_timeout_s));
  const [isSetAside, setAside] = useState(before.max_receive_count !== null);
  const [receives, setReceives] = useState(String(before.max_receive_count ?? DEFAULTS.max_receive_count));
  const attributes: Attributes = {
    visibility_timeout_s: Number(timeout), max_receive_count: isSetAside ? Number(receives) : null,
  };
  const fields = (
    <>
      <Field label="Visibility timeout" hint="So many seconds a worker has to acknowledge a record: 0 to 43200.">
        <Text type="number" value={timeout} onInput={setTimeout} required />
      </Field>
      <Check checked={isSetAside} onChange={setAside}>Set dead letters aside</Check>
      {isSetAside && (
        <Field label="After so many receives" hint="1 to 1000.">
          <Text type="number" value={receives} onInput={setReceives} required />
        </Field>
      )}
    </>
  );
  return [attributes, fields] as const;
}
