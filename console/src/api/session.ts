/** What the console knows of the server, and as whom it speaks: account, region and, if it must, a key. */
import type { Key } from "./signing";

export interface About {
  version: string;
  account: string;
  region: string;
  /** The accounts and regions that have streams. */
  places: [string, string][];
  is_read_only: boolean;
  must_sign: boolean;
  has_services: boolean;
  has_test_clock: boolean;
  /** It is one of several servers of the same streams, and counts what it sees itself. */
  is_gateway: boolean;
}

const KEY = "headwater.key";
const PLACE = "headwater.place";

interface Session {
  about: About;
  account: string;
  region: string;
  key: Key | null;
}

let current: Session | null = null;

export async function openSession(): Promise<Session> {
  // Asked for in the form in which the page has preloaded it (index.html).
  const answer = await fetch("/_headwater/about");
  const about = (await answer.json()) as About;
  const [account, region] = stored<[string, string]>(PLACE) ?? [about.account, about.region];
  current = { about, account, region, key: about.must_sign ? stored<Key>(KEY) : null };
  return current;
}

export function session(): Session {
  if (!current) throw new Error("the console has not been opened");
  return current;
}

export function choosePlace(account: string, region: string): void {
  sessionStorage.setItem(PLACE, JSON.stringify([account, region]));
  Object.assign(session(), { account, region });
}

/** For as long as the tab is open. */
export function signIn(key: Key): void {
  sessionStorage.setItem(KEY, JSON.stringify(key));
  session().key = key;
}

export function signOut(): void {
  sessionStorage.removeItem(KEY);
  session().key = null;
}

function stored<T>(name: string): T | null {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? "null") as T | null;
  } catch {
    return null;
  }
}
