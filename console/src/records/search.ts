/**
 * Which records are looked for: by text, by partition key, and by a path into their JSON.
 *
 * A path is `$.order.items[0].sku`, `[*]` for each item, and may be compared: `== "x"`, `!= 3`,
 * `> 10`, `>=`, `<`, `<=`, `contains "text"`. Without a comparison it has to be there.
 */
import { payloadOf, textOf } from "./payload";

export interface Wanted {
  text: string;
  key: string;
  path: string;
}

interface Searched {
  key: string;
  data: string;
}

type Step = string | number | "*";
type Test = (value: unknown) => boolean;

export class WrongPath extends Error {}

/** What says of a record whether it is wanted; `null` where all are. Throws `WrongPath`. */
export function matcher(wanted: Wanted): ((record: Searched) => boolean) | null {
  const text = wanted.text.toLowerCase();
  const inJson = wanted.path.trim() ? pathTest(wanted.path.trim()) : null;
  if (!text && !wanted.key && !inJson) return null;
  return (record) => {
    if (wanted.key && !record.key.includes(wanted.key)) return false;
    if (!text && !inJson) return true;
    const payload = payloadOf(record.data);
    if (text && !textOf(payload).toLowerCase().includes(text)) return false;
    return !inJson || (payload.json !== undefined && inJson(payload.json));
  };
}

const FORM = /^(\$?(?:\.?[\p{L}_$][\p{L}\p{N}_$-]*|\[(?:\d+|\*|"(?:[^"\\]|\\.)*")\]|\.\*)*)\s*(?:(==|!=|>=|<=|>|<|contains)\s*(.+))?$/u;
const STEP = /\.?([\p{L}_$][\p{L}\p{N}_$-]*)|\[(\d+)\]|\[(\*)\]|\.(\*)|\[("(?:[^"\\]|\\.)*")\]/gu;

export function pathTest(text: string): Test {
  const found = FORM.exec(text);
  if (!found) throw new WrongPath(`${text} is no path such as $.order.total > 100`);
  const [, path = "", sign, operand] = found;
  const steps: Step[] = [...path.replace(/^\$(?=[.[]|$)/, "").matchAll(STEP)].map(
    ([, name, index, each, star, quoted]) =>
      index !== undefined ? Number(index) : each || star ? "*" : quoted ? (JSON.parse(quoted) as string) : name!,
  );
  const test = sign ? comparison(sign, operandOf(operand!)) : () => true;
  return (value) => valuesAt(value, steps).some(test);
}

function valuesAt(value: unknown, steps: Step[]): unknown[] {
  let found = [value];
  for (const step of steps) {
    found = found.flatMap((each) => {
      if (each === null || typeof each !== "object") return [];
      if (step === "*") return Object.values(each);
      return Object.hasOwn(each, step) ? [(each as Record<Step, unknown>)[step]] : [];
    });
  }
  return found;
}

function operandOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim().replace(/^'(.*)'$/s, "$1");
  }
}

function comparison(sign: string, operand: unknown): Test {
  switch (sign) {
    case "==": return (value) => value === operand;
    case "!=": return (value) => value !== operand;
    case "contains": return (value) => Array.isArray(value)
      ? value.includes(operand)
      : typeof value === "string" && value.toLowerCase().includes(String(operand).toLowerCase());
    default: return (value) => typeof value === typeof operand && ordered(sign, value as number, operand as number);
  }
}

function ordered(sign: string, value: number, operand: number): boolean {
  switch (sign) {
    case ">": return value > operand;
    case ">=": return value >= operand;
    case "<": return value < operand;
    default: return value <= operand;
  }
}
