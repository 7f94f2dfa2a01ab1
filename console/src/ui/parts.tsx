/** The small parts that every view is made of. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { session } from "../api/session";

export function Button(props: {
  children: ComponentChildren;
  onClick?: () => void;
  kind?: "primary" | "danger" | "quiet";
  type?: "button" | "submit";
  disabled?: boolean;
  /** It changes something: not in a console that is read-only. */
  changes?: boolean;
  pressed?: boolean;
  title?: string;
}) {
  const locked = props.changes === true && session().about.is_read_only;
  return (
    <button
      type={props.type ?? "button"}
      class={`button ${props.kind ?? ""}`}
      disabled={props.disabled || locked}
      aria-pressed={props.pressed}
      title={locked ? "This console is read-only." : props.title}
      onClick={props.onClick}
    >
      {props.children}
    </button>
  );
}

export function Field(props: { label: string; hint?: string; children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      {props.children}
      {props.hint && <small>{props.hint}</small>}
    </label>
  );
}

export function Fault({ error }: { error: Error | undefined }) {
  return error ? <p class="fault" role="alert">{error.message}</p> : null;
}

export function Badge({ children, kind = "" }: { children: ComponentChildren; kind?: string }) {
  return <span class={`badge ${kind}`}>{children}</span>;
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** A pair of a name and a value, in a list of them. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return <div><dt>{name}</dt><dd>{children}</dd></div>;
}

export function CopyButton({ text, children = "Copy" }: { text: () => string; children?: ComponentChildren }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await copyText(text());
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return <Button kind="quiet" onClick={() => void copy()}>{copied ? "Copied" : children}</Button>;
}

async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Not at home on this machine and not on TLS: the old way.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** What `onSubmit` of a dialog gives, to leave it open. */
export const STAY = Symbol("stay");

/** A dialog with a form; `onSubmit` may fail, and what it says is then shown. */
export function FormDialog(props: {
  title: string;
  submit: string;
  kind?: "primary" | "danger";
  disabled?: boolean;
  children: ComponentChildren;
  onSubmit: () => Promise<unknown>;
  onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<Error>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      if ((await props.onSubmit()) !== STAY) props.onClose();
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-label={props.title} onClose={props.onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2>{props.title}</h2>
        {props.children}
        <Fault error={error} />
        <footer>
          <Button onClick={props.onClose}>Cancel</Button>
          <Button type="submit" kind={props.kind ?? "primary"} changes disabled={isBusy || props.disabled === true}>
            {props.submit}
          </Button>
        </footer>
      </form>
    </dialog>
  );
}

/** Run what may fail, and keep what it says. */
export function useAction(): [(action: () => Promise<unknown>) => void, Error | undefined, boolean] {
  const [error, setError] = useState<Error>();
  const [isBusy, setBusy] = useState(false);
  const run = (action: () => Promise<unknown>) => {
    setBusy(true);
    setError(undefined);
    action().catch(setError).finally(() => setBusy(false));
  };
  return [run, error, isBusy];
}

/** Where there is little room, the names of views are scrolled: to the one that is shown. */
export function useShownName(name: string): void {
  useEffect(() => {
    for (const current of document.querySelectorAll("nav [aria-current]")) current.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [name]);
}

export function Text(props: {
  value: string;
  onInput: (value: string) => void;
  label?: string;
  placeholder?: string;
  type?: "text" | "search" | "number" | "password" | "datetime-local";
  required?: boolean;
  inputMode?: "numeric";
  class?: string;
}) {
  return (
    <input
      class={props.class}
      type={(props.type ?? "text") as "text"}
      value={props.value}
      placeholder={props.placeholder}
      aria-label={props.label}
      required={props.required}
      inputMode={props.inputMode}
      step={props.type === "datetime-local" ? 1 : undefined}
      spellcheck={false}
      autocomplete="off"
      onInput={(event) => props.onInput(event.currentTarget.value)}
    />
  );
}

export function Choice<T extends string>(props: {
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
  label?: string;
}) {
  return (
    <select
      value={props.value}
      aria-label={props.label}
      onChange={(event) => props.onChange(event.currentTarget.value as T)}
    >
      {props.options.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
    </select>
  );
}

export function Check(props: { checked: boolean; onChange: (checked: boolean) => void; children: ComponentChildren }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={props.checked}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      {props.children}
    </label>
  );
}

/** The numbers of the last minutes as a small line. */
export function Sparkline({ values, label }: { values: number[]; label: string }) {
  const top = Math.max(1, ...values);
  const points = values.map((value, at) => `${(at * 100) / Math.max(1, values.length - 1)},${22 - (value * 20) / top}`);
  return (
    <svg class="sparkline" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label={label}>
      <polyline class="area" points={`0,24 ${points.join(" ")} 100,24`} />
      <polyline points={points.join(" ")} />
    </svg>
  );
}
