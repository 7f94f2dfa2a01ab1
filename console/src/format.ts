/** Numbers and times as they are shown: short, in one width, in the reader's own zone. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(count: number): string {
  let unit = 0;
  let shown = count;
  while (shown >= 1024 && unit < UNITS.length - 1) {
    shown /= 1024;
    unit += 1;
  }
  return `${unit === 0 || shown >= 100 ? Math.round(shown) : shown.toFixed(1)} ${UNITS[unit]}`;
}

/** A whole number, its thousands apart. Not by `Intl`, whose first use takes a browser 15 ms. */
export function count(number: number): string {
  return String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A rate by the second. */
export function rate(perSecond: number): string {
  return perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : count(perSecond);
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return units(seconds, 60, "min", 1, "s");
  if (seconds < 86_400) return units(seconds, 3600, "h", 60, "min");
  return units(seconds, 86_400, "d", 3600, "h");
}

/** Whole units of one kind, and what is left in smaller ones, if there is any. */
function units(seconds: number, large: number, name: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${name}${rest ? ` ${rest} ${smallName}` : ""}`;
}

/** A duration in one unit, the largest that it has. */
export function age(ms: number): string {
  return duration(ms).replace(/^(\d+ \w+) .*$/, "$1");
}

export function time(ms: number): string {
  const moment = new Date(ms);
  const clock = [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(twoDigits).join(":");
  return `${clock}.${String(moment.getMilliseconds()).padStart(3, "0")}`;
}

export function dateTime(ms: number): string {
  const moment = new Date(ms);
  const date = [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()].map(twoDigits).join("-");
  return `${date} ${time(ms)}`;
}

/** As `<input type="datetime-local">` has it. */
export function localInput(ms: number): string {
  return dateTime(ms).replace(" ", "T").slice(0, 19);
}

/** `shardId-000000000012` as `12`, which is unambiguous within a stream. */
export function shortShard(id: string): string {
  return id.replace(/^shardId-0*(?=\d)/, "");
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
