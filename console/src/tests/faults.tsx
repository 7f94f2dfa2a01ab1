/** What goes wrong on purpose: the rules that there are, and a form for one more. */
import { useState } from "preact/hooks";
import { route } from "../api/server";
import * as format from "../format";
import { Button, Check, Choice, Fault, Field, FormDialog, Text, useAction } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { Table } from "../ui/table";
import { ACTIONS, MEMBERS, OF_CALLS, faultOf, wordsOf, type Action } from "./fault_form";

interface Rule {
  id: number;
  action: Action;
  matched: number;
  fired: number;
  [member: string]: unknown;
}

export function Faults() {
  const [isAdding, setAdding] = useState(false);
  const { value, error, refresh } = usePolled(() => route<{ faults: Rule[] }>("GET", "faults"), 2000, "faults");
  const [run, fault] = useAction();
  const remove = (path: string) => run(async () => {
    await route("DELETE", path);
    refresh();
  });
  const rules = value?.faults ?? [];
  return (
    <div class="card">
      <header class="section-head">
        <h2>Faults</h2>
        <Button changes onClick={() => setAdding(true)}>Add a fault</Button>
        {rules.length > 0 && <Button kind="danger" changes onClick={() => remove("faults")}>Remove all</Button>}
      </header>
      <Fault error={fault ?? error} />
      <Table
        label="Faults" rows={rules} keyOf={(rule) => String(rule.id)} empty="Nothing goes wrong on purpose."
        columns={[
          { name: "No.", width: "", numeric: true, cell: (rule) => rule.id },
          { name: "What happens", width: "", cell: (rule) => ACTIONS.find(([action]) => action === rule.action)?.[1] ?? rule.action },
          { name: "To which calls", width: "", cell: (rule) => <span class="wraps">{described(rule)}</span> },
          { name: "Matched", width: "", numeric: true, cell: (rule) => format.count(rule.matched) },
          { name: "Fired", width: "", numeric: true, cell: (rule) => format.count(rule.fired) },
          { name: "", width: "", cell: (rule) => <Button kind="quiet" changes onClick={() => remove(`faults/${rule.id}`)}>Remove</Button> },
        ]}
      />
      {isAdding && <AddFault onClose={() => { setAdding(false); refresh(); }} />}
    </div>
  );
}

function described(rule: Rule): string {
  const { id: _id, action: _action, matched: _matched, fired: _fired, ...members } = rule;
  return wordsOf(members);
}

function AddFault({ onClose }: { onClose: () => void }) {
  const [action, setAction] = useState<Action>("error");
  const [values, setValues] = useState<Record<string, string>>({ operation: "PutRecord" });
  const set = (name: string) => (value: string) => setValues({ ...values, [name]: value });
  const add = () => route("POST", "faults", faultOf(action, values));
  return (
    <FormDialog title="Add a fault" submit="Add" onSubmit={add} onClose={onClose}>
      <Field label="What happens"><Choice value={action} options={ACTIONS} onChange={setAction} /></Field>
      {MEMBERS[action].map((member) => (
        member.kind === "switch" ? (
          <Check key={member.name} checked={values[member.name] === "yes"} onChange={(on) => set(member.name)(on ? "yes" : "")}>{member.label}</Check>
        ) : (
          <Field key={member.name} label={member.label}>
            {member.kind === "moment"
              ? <Choice value={(values[member.name] ?? "before") as "before" | "after"} options={[["before", "Before it is done"], ["after", "After it was done"]]} onChange={set(member.name)} />
              : <Text value={values[member.name] ?? ""} onInput={set(member.name)} inputMode={member.kind === "number" ? "numeric" : undefined} />}
          </Field>
        )
      ))}
      <fieldset>
        <legend>To which calls, and how often</legend>
        {OF_CALLS.map((member) => (
          <Field key={member.name} label={member.label}><Text value={values[member.name] ?? ""} onInput={set(member.name)} /></Field>
        ))}
      </fieldset>
    </FormDialog>
  );
}
