/** Faults as a form has them: docs/faults.md lists them all. */

export type Action =
  | "error" | "throttle" | "delay" | "cut" | "expire_iterator" | "end_subscription" | "end_open_subscriptions";

export interface Member {
  name: string;
  label: string;
  kind: "text" | "number" | "moment" | "switch" | "list";
}

export const ACTIONS: [Action, string][] = [
  ["error", "Answer with an error"],
  ["throttle", "Refuse records of PutRecords"],
  ["delay", "Answer late"],
  ["cut", "Cut the connection"],
  ["expire_iterator", "Expire the iterator of GetRecords"],
  ["end_subscription", "End new subscriptions"],
  ["end_open_subscriptions", "End open subscriptions, now"],
];

const text = (name: string, label: string): Member => ({ name, label, kind: "text" });
const number = (name: string, label: string): Member => ({ name, label, kind: "number" });
const WHEN: Member = { name: "when", label: "When", kind: "moment" };
const ENDING: Member[] = [
  number("after_events", "After so many events"), text("error", "With the error"), text("message", "Its message"),
  { name: "cut", label: "In the middle, as when the network fails", kind: "switch" },
];

export const MEMBERS: Record<Action, Member[]> = {
  error: [text("error", "Error"), text("message", "Its message")],
  throttle: [number("records", "How many records of a call; empty is all"), text("error", "Error"), text("message", "Its message")],
  delay: [number("delay_ms", "Milliseconds"), WHEN],
  cut: [WHEN],
  expire_iterator: [],
  end_subscription: ENDING,
  end_open_subscriptions: ENDING,
};

export const OF_CALLS: Member[] = [
  { name: "operation", label: "Operations, by commas; empty is every one", kind: "list" },
  text("stream", "Stream"), text("shard", "Shard"), text("partition_key", "Partition key"), text("consumer", "Consumer"),
  number("times", "Times in all"), number("skip", "Let through first"), number("probability", "Probability"), number("seed", "Seed"),
];

type Told = (value: string) => string;

/** How the members of a fault are told; those that are not here are by their names. */
const TOLD: Record<string, Told> = {
  operation: (value) => value,
  delay_ms: (value) => `${value} ms`,
  when: (value) => (value === "after" ? "after it was done" : "before it is done"),
  probability: (value) => `${Math.round(Number(value) * 1000) / 10} % of them`,
  times: (value) => `${value} times in all`,
  skip: (value) => `not the first ${value}`,
  stream: (value) => `stream ${value}`,
};

/** To which calls a fault happens, and what else is said of it, in words. */
export function wordsOf(members: Record<string, unknown>): string {
  const told = Object.entries(members).map(([name, value]) => {
    const text = Array.isArray(value) ? value.join(", ") : String(value);
    return TOLD[name]?.(text) ?? `${name.replace(/_/g, " ")} ${text}`;
  });
  return told.join(" · ") || "every one";
}

/** Which operations a fault can happen to at all, where the form names another by default. */
const OWN_OPERATION = new Set<Action>(["throttle", "expire_iterator", "end_subscription", "end_open_subscriptions"]);

/** The document of a fault; what was left empty is left out. */
export function faultOf(action: Action, values: Record<string, string>): Record<string, unknown> {
  const fault: Record<string, unknown> = { action };
  for (const { name, kind } of [...MEMBERS[action], ...OF_CALLS]) {
    const value = (values[name] ?? "").trim();
    if (!value || (name === "operation" && OWN_OPERATION.has(action))) continue;
    if (kind === "number") fault[name] = Number.isNaN(Number(value)) ? value : Number(value);
    else if (kind === "switch") fault[name] = value === "yes";
    else if (kind === "list") fault[name] = value.split(",").map((each) => each.trim());
    else fault[name] = value;
  }
  return fault;
}
