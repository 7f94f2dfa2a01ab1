/** One record: its data as JSON, text and bytes, and what is known of it. */
import { useEffect, useMemo, useState } from "preact/hooks";
import * as format from "../format";
import { Badge, Button, CopyButton, Fact, Fault, useAction } from "../ui/parts";
import { JsonTree } from "./json_tree";
import { hexDump, payloadOf, textOf, type Payload } from "./payload";
import { putAgain, type Draft } from "./put_record";
import { hashOf } from "../router";
import { idOf, type Row } from "./record_buffer";

type Form = "json" | "text" | "hex";

const TEXT_SHOWN = 200_000;
const HEX_SHOWN = 16 * 1024;

export function RecordDetail(props: { row: Row; stream: string; onClose: () => void; onPut: (draft: Draft) => void }) {
  const { row } = props;
  const payload = useMemo(() => payloadOf(row.data), [row.data]);
  const [form, setForm] = useState<Form>("json");
  const [said, setSaid] = useState("");
  const [run, error] = useAction();
  useEffect(() => setSaid(""), [row]);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => event.key === "Escape" && !document.querySelector("dialog[open]") && props.onClose();
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [props.onClose]);
  const shown = form === "json" && payload.json === undefined ? (payload.text === null ? "hex" : "text") : form;
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
      <div class="toolbar" role="group" aria-label="Shown as">
        {payload.json !== undefined && <Button pressed={shown === "json"} onClick={() => setForm("json")}>JSON</Button>}
        <Button pressed={shown === "text"} onClick={() => setForm("text")}>Text</Button>
        <Button pressed={shown === "hex"} onClick={() => setForm("hex")}>Hex</Button>
        <span class="spacer" />
        <CopyButton text={() => addressOf(props.stream, row)}>Copy address</CopyButton>
        <CopyButton text={() => textOf(payload)} />
      </div>
      {payload.isCut && <p class="warn">It unpacks to more than {format.bytes(payload.bytes.length)}; the rest is left out.</p>}
      {payload.text === null && shown === "text" && <p class="warn">The bytes are no UTF-8: what is broken is shown as �.</p>}
      <div class="payload" tabIndex={0} role="region" aria-label="Data">
        <Shown payload={payload} form={shown} />
      </div>
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

function Shown({ payload, form }: { payload: Payload; form: Form }) {
  const [isWhole, setWhole] = useState(false);
  useEffect(() => setWhole(false), [payload, form]);
  if (form === "json") return <JsonTree value={payload.json} />;
  const whole = form === "text" ? textOf(payload) : null;
  const length = whole === null ? payload.bytes.length : whole.length;
  const limit = isWhole ? Infinity : form === "text" ? TEXT_SHOWN : HEX_SHOWN;
  return (
    <>
      <pre>{whole === null ? hexDump(payload.bytes.subarray(0, Math.min(limit, 1024 * 1024))) : whole.slice(0, limit)}</pre>
      {length > limit && <Button onClick={() => setWhole(true)}>Show all {format.bytes(length)}</Button>}
    </>
  );
}
