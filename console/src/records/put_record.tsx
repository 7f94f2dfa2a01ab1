/** Put a record, once or many times; afterwards it can be changed and put again. */
import { useState } from "preact/hooks";
import { kinesis } from "../api/server";
import * as format from "../format";
import { Lines } from "../streams/create_stream";
import { Check, Field, FormDialog, STAY, Text } from "../ui/parts";
import { toBase64 } from "./payload";

export interface Draft {
  key: string;
  data: string;
  /** The data is base64 text, of what is no text. */
  isBase64: boolean;
}

const BATCH = 500;
/** Of PutRecords: 10 MiB of data, which base64 makes longer. */
const BATCH_CHARACTERS = 12 * 1024 * 1024;

export function PutRecord({ stream, draft, onClose }: { stream: string; draft: Draft; onClose: () => void }) {
  const [key, setKey] = useState(draft.key || crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36));
  const [data, setData] = useState(draft.data);
  const [isBase64, setBase64] = useState(draft.isBase64);
  const [hashKey, setHashKey] = useState("");
  const [times, setTimes] = useState("1");
  const [stays, setStays] = useState(false);
  const [done, setDone] = useState("");
  const put = async () => {
    const blob = isBase64 ? data.replace(/\s/g, "") : toBase64(new TextEncoder().encode(data));
    setDone("");
    setDone(await putTimes(stream, { Data: blob, PartitionKey: key, ...(hashKey ? { ExplicitHashKey: hashKey } : {}) }, Number(times)));
    return stays ? STAY : undefined;
  };
  return (
    <FormDialog title="Put a record" submit={Number(times) > 1 ? `Put ${times} times` : "Put"} onSubmit={put} onClose={onClose}>
      <Field label="Partition key"><Text value={key} onInput={setKey} required /></Field>
      <Field label="Data"><Lines value={data} onInput={setData} rows={8} /></Field>
      <Check checked={isBase64} onChange={setBase64}>It is base64</Check>
      <details>
        <summary>More</summary>
        <Field label="Explicit hash key" hint="Decides the shard in place of the partition key."><Text value={hashKey} onInput={setHashKey} inputMode="numeric" /></Field>
        <Field label="How many times"><Text type="number" value={times} onInput={setTimes} required /></Field>
      </details>
      <Check checked={stays} onChange={setStays}>Keep this open, to put another</Check>
      {done && <p role="status" class="done">{done}</p>}
    </FormDialog>
  );
}

interface Put {
  Data: string;
  PartitionKey: string;
  ExplicitHashKey?: string;
}

/** What has become of the record, in words. */
async function putTimes(stream: string, record: Put, times: number): Promise<string> {
  if (times <= 1) {
    const put = await kinesis<{ ShardId: string; SequenceNumber: string }>("PutRecord", { StreamName: stream, ...record });
    return `Put into ${put.ShardId} as ${put.SequenceNumber}.`;
  }
  const batch = Math.max(1, Math.min(BATCH, Math.floor(BATCH_CHARACTERS / Math.max(1, record.Data.length))));
  let failed = 0;
  for (let left = times; left > 0; left -= batch) {
    const records = Array<Put>(Math.min(batch, left)).fill(record);
    failed += (await kinesis<{ FailedRecordCount?: number }>("PutRecords", { StreamName: stream, Records: records })).FailedRecordCount ?? 0;
  }
  if (failed) throw new Error(`${format.count(failed)} of ${format.plural(times, "record")} were refused.`);
  return `Put ${format.plural(times, "record")}.`;
}

/** Put a record again, as it is. */
export async function putAgain(stream: string, key: string, data: string): Promise<string> {
  return putTimes(stream, { Data: data, PartitionKey: key }, 1);
}
