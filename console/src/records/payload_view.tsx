/** The data of a record, as JSON, text or bytes, whichever is chosen and can be had. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import * as format from "../format";
import { Button, CopyButton } from "../ui/parts";
import { JsonTree } from "./json_tree";
import { hexDump, textOf, type Payload } from "./payload";

type Form = "json" | "text" | "hex";

const TEXT_SHOWN = 200_000;
const HEX_SHOWN = 16 * 1024;

/** `children`: what else stands beside the choice. */
export function PayloadView({ payload, children }: { payload: Payload; children?: ComponentChildren }) {
  const [form, setForm] = useState<Form>("json");
  const shown = form === "json" && payload.json === undefined ? (payload.text === null ? "hex" : "text") : form;
  return (
    <>
      <div class="toolbar" role="group" aria-label="Shown as">
        {payload.json !== undefined && <Button pressed={shown === "json"} onClick={() => setForm("json")}>JSON</Button>}
        <Button pressed={shown === "text"} onClick={() => setForm("text")}>Text</Button>
        <Button pressed={shown === "hex"} onClick={() => setForm("hex")}>Hex</Button>
        <span class="spacer" />
        {children}
        <CopyButton text={() => textOf(payload)} />
      </div>
      {payload.isCut && <p class="warn">It unpacks to more than {format.bytes(payload.bytes.length)}; the rest is left out.</p>}
      {payload.text === null && shown === "text" && <p class="warn">The bytes are no UTF-8: what is broken is shown as �.</p>}
      <div class="payload" tabIndex={0} role="region" aria-label="Data">
        <Shown payload={payload} form={shown} />
      </div>
    </>
  );
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
