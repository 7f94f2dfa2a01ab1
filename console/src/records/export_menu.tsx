/** Export of what is shown, or of all that matches, as JSON lines or CSV. */
import { useRef, useState } from "preact/hooks";
import * as format from "../format";
import { Button, Choice, Fault } from "../ui/parts";
import { allThatMatches, fileOf, save, type Format } from "./export";
import type { View } from "./query";
import type { Row } from "./record_buffer";
import { matcher } from "./search";

const WHAT = [
  ["", "Export…"], ["shown jsonl", "What is shown, JSON lines"], ["shown csv", "What is shown, CSV"],
  ["all jsonl", "All that matches, JSON lines"], ["all csv", "All that matches, CSV"],
] as const;

export function ExportMenu({ stream, view, rows }: { stream: string; view: View; rows: () => Row[] }) {
  const [progress, setProgress] = useState<number>();
  const [error, setError] = useState<Error>();
  const stopper = useRef<AbortController | undefined>(undefined);
  const exportAll = async (kind: Format) => {
    stopper.current = new AbortController();
    setProgress(0);
    setError(undefined);
    try {
      const wanted = matcher(view.wanted);
      save(await allThatMatches(stream, view.start, wanted, kind, setProgress, stopper.current.signal), `${stream}.${kind}`);
    } catch (failure) {
      if ((failure as Error).name !== "AbortError") setError(failure as Error);
    } finally {
      setProgress(undefined);
    }
  };
  const choose = (chosen: string) => {
    const [what, kind] = chosen.split(" ") as [string, Format];
    if (what === "shown") save(fileOf(rows(), kind), `${stream}.${kind}`);
    else if (what === "all") void exportAll(kind);
  };
  if (progress !== undefined) {
    return (
      <span class="row">
        <span role="status" class="tabular">{format.plural(progress, "record")}</span>
        <Button kind="quiet" onClick={() => stopper.current?.abort()}>Cancel</Button>
      </span>
    );
  }
  return <><Fault error={error} /><Choice label="Export" value="" options={WHAT} onChange={choose} /></>;
}
