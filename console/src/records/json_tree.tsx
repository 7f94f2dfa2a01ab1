/** A JSON value as a tree. Only what is open is made, and of a long list a part at a time. */
import { useState } from "preact/hooks";
import { Button } from "../ui/parts";

const PART = 100;
const OPEN_DEPTH = 5;
const TEXT_SHOWN = 2_000;

export function JsonTree({ value }: { value: unknown }) {
  return <div class="json"><Node value={value} depth={0} /></div>;
}

function Node({ name, value, depth }: { name?: string; value: unknown; depth: number }) {
  if (value === null || typeof value !== "object") return <Leaf name={name} value={value} />;
  return <Branch name={name} value={value} depth={depth} />;
}

function Branch({ name, value, depth }: { name: string | undefined; value: object; depth: number }) {
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH);
  const [shown, setShown] = useState(PART);
  const isList = Array.isArray(value);
  const keys = Object.keys(value);
  const length = keys.length;
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Name name={name} />
        <span class="dim">{isList ? `[${length}]` : `{${length}}`}</span>
      </summary>
      {isOpen && (
        <div class="branch">
          {keys.slice(0, shown).map((key) => (
            <Node key={key} name={key} value={(value as Record<string, unknown>)[key]} depth={depth + 1} />
          ))}
          {length > shown && <Button kind="quiet" onClick={() => setShown(shown + 10 * PART)}>{length - shown} more</Button>}
        </div>
      )}
    </details>
  );
}

function Leaf({ name, value }: { name: string | undefined; value: unknown }) {
  const [isWhole, setWhole] = useState(false);
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return (
    <div class="leaf">
      <Name name={name} />
      <span class={`value ${value === null ? "null" : typeof value}`}>{isWhole ? text : text.slice(0, TEXT_SHOWN)}</span>
      {!isWhole && text.length > TEXT_SHOWN && <Button kind="quiet" onClick={() => setWhole(true)}>all</Button>}
    </div>
  );
}

function Name({ name }: { name: string | undefined }) {
  return name === undefined ? null : <span class="member">{name}: </span>;
}
