/**
 * Every view is an address: the path and the query after the `#`, which never leave the browser.
 */
import { useEffect, useState } from "preact/hooks";

export interface Route {
  /** The parts of the path, decoded: `#/streams/orders/records` is `["streams", "orders", "records"]`. */
  path: string[];
  query: URLSearchParams;
}

export function parseHash(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

export function hashOf(path: string[], query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const asked = new URLSearchParams(given).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${asked && `?${asked}`}`;
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return parseHash(hash);
}

/** Go to a view; `replaces` leaves no step behind to go back to. */
export function navigate(hash: string, replaces = false): void {
  if (replaces) {
    history.replaceState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
}

/** Change some of the query of the view that is shown; an empty value takes one out. */
export function setQuery(changes: Record<string, string | undefined>): void {
  const { path, query } = parseHash(location.hash);
  navigate(hashOf(path, { ...Object.fromEntries(query), ...changes }), true);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
