/** One record: its data as JSON, text and bytes, and what is known of it. */
import { useEffect, useMemo, useState } from "preact/hooks";
import * as format from "../format";
import { Badge, Button, CopyButton, Fact, Fault, useAction } from "../ui/parts";
import { useClosing } from "../ui/keys";
import { payloadOf } from "./payload";
import { PayloadView } from "./payload_view";
import { putAgain, type Draft } from "./put_record";
import { hashOf } from "../router";
import { idOf, type Row } from "./record_buffer";

export function RecordDetail(props: { row: Row; stream: string; onClose: () => void; onPut: (draft: Draft) => void }) {
  const { row } = props;
  const payload = useMemo(() => payloadOf(row.data), [row.data]);
  const [said, setSaid] = useState("");
  const [run, error] = useAction();
  useEffect(() => setSaid(""), [row]);
  useClosing(props.onClose);
  const edit = () => props.onPut(payload.text !== null && !payload.packing
    ? { key: row.key, data: payload.text, isBase64: false }
    : { key: row.key, data: row.data, isBase64: true });
  return (
    <aside class="detail" aria-label="Record">
      <header>
        <h2>{row.key}</h2>
        <span class="spacer" />
        <Button kind="quiet" onClick={props.onClose} title="Close (Esc)">Close</Button>
      </header>
      <dl class="facts">
        <Fact name="Arrived">{format.dateTime(row.arrived_ms)}</Fact>
        <Fact name="Shard"><code>{row.shard}</code></Fact>
        <Fact name="Sequence number"><code class="wraps">{row.sequence}</code></Fact>
        {row.part >= 0 && <Fact name="In the aggregate">user record {row.part}</Fact>}
        <Fact name="Size">
          {format.bytes(row.size)}
          {payload.packing && <> <Badge>{payload.packing}</Badge> {format.bytes(payload.bytes.length)} unpacked</>}
        </Fact>
      </dl>
      <PayloadView payload={payload}>
        <CopyButton text={() => addressOf(props.stream, row)}>Copy address</CopyButton>
      </PayloadView>
      <footer class="toolbar">
        <Button changes onClick={() => run(async () => setSaid(await putAgain(props.stream, row.key, row.data)))}>Put again</Button>
        <Button changes onClick={edit}>Edit and put</Button>
        {said && <span role="status" class="wraps">{said}</span>}
        <Fault error={error} />
      </footer>
    </aside>
  );
}

/** A view with this record in it, whatever has come since. */
function addressOf(stream: string, row: Row): string {
  const view = { shard: row.shard, from: "sequence_number", at: row.sequence, live: "no", order: "oldest", record: idOf(row) };
  return location.href.replace(/#.*|$/, hashOf(["streams", stream, "records"], view));
}
