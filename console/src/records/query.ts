/** A view of records as the query of its address, and back. */
import type { Start } from "./record_feed";
import type { Wanted } from "./search";

export interface View {
  start: Start;
  isLive: boolean;
  wanted: Wanted;
  order: "newest" | "oldest";
}

export const LAST = "500";

export function viewOf(query: URLSearchParams): View {
  const from = query.get("from") as Start["from"] | null;
  return {
    start: {
      shard: query.get("shard") ?? "",
      from: from ?? "last",
      at: query.get("at") ?? (from === null || from === "last" ? LAST : ""),
    },
    isLive: query.get("live") !== "no",
    wanted: { text: query.get("text") ?? "", key: query.get("key") ?? "", path: query.get("path") ?? "" },
    order: query.get("order") === "oldest" ? "oldest" : "newest",
  };
}

/** What of a view makes it another reading, as text that can be compared. */
export function readingOf(view: View): string {
  return JSON.stringify([view.start, view.isLive, view.wanted]);
}
