/** What the keyboard does, everywhere, and the list of it. */
import { useEffect, useRef } from "preact/hooks";
import { hashOf, navigate, parseHash } from "../router";
import { Button } from "./parts";

const PLACES: Record<string, string> = { s: "streams", d: "deliveries", f: "functions", l: "leases", r: "requests", t: "tests" };
const TABS: Record<string, string> = { "1": "records", "2": "shards", "3": "readers", "4": "queues", "5": "charts", "6": "settings" };

const LISTED: [string, string][] = [
  ["?", "These keys"],
  ["/", "Search"],
  ["g then s d f l r t", "Go to streams, deliveries, functions, leases, requests, tests"],
  ["1 2 3 4 5 6", "Records, shards, readers, queues, charts, settings of a stream"],
  ["↑ ↓ j k", "Next and last row of a table"],
  ["Page Up, Page Down, Home, End", "Further in a table"],
  ["Enter", "Open a row"],
  ["p", "Put a record"],
  ["Space", "Pause and go on with live records and requests"],
  ["Esc", "Close"],
];

/** What a view does at a key; it dies with the view. */
export function useKey(key: string, action: () => void): void {
  const latest = useRef(action);
  latest.current = action;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key !== key || isWriting(event)) return;
      event.preventDefault();
      latest.current();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [key]);
}

/** Esc closes what is open beside a list, unless a dialog is open before it. */
export function useClosing(close: () => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => event.key === "Escape" && !document.querySelector("dialog[open]") && close();
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [close]);
}

export function useKeys(help: () => void): void {
  const goes = useRef(false);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (isWriting(event)) return;
      const { path } = parseHash(location.hash);
      const tab = TABS[event.key];
      const place = goes.current ? PLACES[event.key] : undefined;
      goes.current = event.key === "g";
      if (event.key === "?") help();
      else if (event.key === "/") focusSearch(event);
      else if (place) navigate(hashOf([place]));
      else if (tab && path[0] === "streams" && path[1]) navigate(hashOf(["streams", path[1], tab]));
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

export function Keys({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-label="Keys" onClose={onClose}>
      <h2>Keys</h2>
      <dl class="keys">
        {LISTED.map(([key, text]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{text}</dd></div>)}
      </dl>
      <footer><Button onClick={() => dialog.current?.close()}>Close</Button></footer>
    </dialog>
  );
}

function focusSearch(event: KeyboardEvent): void {
  const search = document.querySelector<HTMLInputElement>("input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
}

function isWriting(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  const writes = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && (target as HTMLInputElement).type !== "checkbox";
  const presses = event.key === " " && target.tagName === "BUTTON";
  return writes || presses || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null;
}
