/** The time that streams live in. */
import { useState } from "preact/hooks";
import { route } from "../api/server";
import { session } from "../api/session";
import * as format from "../format";
import { Button, Fault, Text, useAction } from "../ui/parts";
import { usePolled } from "../ui/polled";

interface Time {
  now_ms: number;
  running: boolean;
  movable: boolean;
}

const STEPS: [string, number][] = [["1 min", 60_000], ["5 min", 300_000], ["1 h", 3_600_000], ["1 day", 86_400_000]];

export function Clock() {
  const { value, error, refresh } = usePolled(() => route<Time>("GET", "clock"), 1000, "clock");
  const [moment, setMoment] = useState("");
  const [run, fault] = useAction();
  const change = (members: Record<string, unknown>) => run(async () => {
    await route("POST", "clock", members);
    refresh();
  });
  if (!value) return <Fault error={error} />;
  return (
    <div class="card">
      <h2>Clock</h2>
      <p><strong class="tabular">{format.dateTime(value.now_ms).slice(0, 19)}</strong> {value.running ? "" : <span class="warn">stands still</span>}</p>
      {value.movable ? (
        <div class="toolbar">
          <Button changes onClick={() => change({ running: !value.running })}>{value.running ? "Stop" : "Go on"}</Button>
          {STEPS.map(([name, ms]) => <Button key={name} changes onClick={() => change({ advance_ms: ms })}>+ {name}</Button>)}
          <Text label="Set the clock to" type="datetime-local" value={moment || format.localInput(value.now_ms)} onInput={setMoment} />
          <Button changes disabled={!moment} onClick={() => change({ set_ms: new Date(moment).getTime() })}>Set</Button>
        </div>
      ) : <p class="dim">The machine's. {session().about.is_gateway ? "Gateways have no other." : <>Start the server with <code>--test-clock</code> to move the time of streams.</>}</p>}
      <Fault error={fault ?? error} />
    </div>
  );
}
